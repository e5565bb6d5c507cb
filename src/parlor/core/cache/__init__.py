"""What was derived at some cost and may be lost at any moment: kept by owner, in this process or, where replicas share one, in Redis.

Owns the keeping, its bounds and the forgetting. What a value means, and how long it is worth keeping, belongs to the caller.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.core.cache.memory import MemoryCache
    from parlor.core.cache.ports import Cache
    from parlor.core.cache.redis_cache import RedisCache
    from parlor.core.cache.settings import CacheSettings

__all__ = ["Cache", "CacheSettings", "MemoryCache", "RedisCache"]

__getattr__ = exports(__name__, {"memory": "MemoryCache", "ports": "Cache", "redis_cache": "RedisCache", "settings": "CacheSettings"})
