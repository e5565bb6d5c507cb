"""Redis or Valkey, when there is one: what replicas of one house share beside the database. Never the only home of anything.

Owns the connection and says how it is. What is kept there, and what happens without it, belongs to the caller.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.core.redis.client import RedisClient, RedisUnavailable

__all__ = ["RedisClient", "RedisUnavailable"]

__getattr__ = exports(__name__, {"client": "RedisClient RedisUnavailable"})
