"""The limits of the settings, by name."""

import hashlib
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from parlor.core.errors import RateLimited
from parlor.core.limits.ports import SharedWindows
from parlor.core.limits.settings import LimitSettings
from parlor.core.limits.window import Window

_SECONDS = {"minute": 60, "hour": 3600}
_IPV6_CUSTOMER = 64
"""The smallest network that one customer gets: within it an address costs nothing."""


class RateLimits:
    """`hit` counts one try of `key`: whose it is. Keys are hashed, so they may be as long as they come, and nothing personal is kept.

    This process always counts its own. With `shared` it asks there as well, for what the other replicas count; when nobody answers there its own count is
    all there is, from the first moment on, and includes what went before.
    """

    def __init__(self, settings: LimitSettings, shared: SharedWindows | None = None) -> None:
        self._shared = shared
        self._windows = {name: Window(amount, _window_seconds(name)) for name, amount in _limits(settings)} if settings.enabled else {}
        self._names = {name for name, _ in _limits(settings)}

    async def hit(self, name: str, key: str | None) -> None:
        """Count a try. `name` is a field of `LimitSettings`; of an address, IPv6 counts by /64. Without a key (the command line) nothing is counted.

        Raises `RateLimited` with `retry_after_seconds`; a try that is refused does not count.
        """
        window = self._window(name)
        if window is None or key is None:
            return
        digest = _digest(name, key)
        if await self._look(name, window, digest, counts=True) is None:
            _refuse_for(window.hit(digest))
        else:
            window.record(digest)

    async def check(self, name: str, key: str | None) -> None:
        """Raises what `hit` would raise, and counts nothing."""
        window = self._window(name)
        if window is not None and key is not None:
            await self._look(name, window, _digest(name, key), counts=False)

    async def _look(self, name: str, window: Window, digest: bytes, *, counts: bool) -> float | None:
        """0 when the replicas together have not had too many, None when they cannot be asked. What is too much here is too much for all."""
        _refuse_for(window.wait_seconds(digest))
        if self._shared is None:
            return None
        wait = await self._shared.wait_seconds(name, digest, window.amount, window.seconds, counts=counts)
        _refuse_for(wait or 0.0)
        return wait

    def _window(self, name: str) -> Window | None:
        assert name in self._names, f"there is no limit {name}"
        window = self._windows.get(name)
        return window if window is not None and window.amount else None


def _refuse_for(seconds: float) -> None:
    if seconds > 0:
        raise RateLimited(f"Too many of these in a short time: try again in {seconds:.0f} s.", retry_after_seconds=round(seconds, 1))


def _limits(settings: LimitSettings) -> list[tuple[str, int]]:
    return [(name, getattr(settings, name)) for name in LimitSettings.model_fields if name != "enabled"]


def _window_seconds(name: str) -> int:
    return _SECONDS[name.rpartition("_per_")[2]]


def _digest(name: str, key: str) -> bytes:
    counted = network_of(key) if "_per_address_" in name else key
    return hashlib.sha256(counted.encode(errors="surrogatepass")).digest()


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the /64 of an IPv6 address. What is no address stands for itself."""
    try:
        parsed = ip_address(address[:100])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), _IPV6_CUSTOMER), strict=False))
    return str(parsed)
