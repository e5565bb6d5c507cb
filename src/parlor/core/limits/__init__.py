"""How often something may be tried: `await limits.hit("logins_per_address_per_minute", current_origin().address)`.

Owns the counting, in this process and over all replicas. What is counted, and against whom, belongs to the caller.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.core.limits.service import RateLimits
    from parlor.core.limits.settings import LimitSettings

__all__ = ["LimitSettings", "RateLimits"]

__getattr__ = exports(__name__, {"service": "RateLimits", "settings": "LimitSettings"})
