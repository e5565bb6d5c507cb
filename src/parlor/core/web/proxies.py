"""Who the client is behind reverse proxies: only a proxy of the settings may say so, and each says it of the one before it."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

_SCHEMES = {b"http": "http", b"https": "https"}
_MOST_HOPS = 20
_Address = IPv4Address | IPv6Address


class TrustedProxies:
    """Reads X-Forwarded-For from its end, where the nearest proxy wrote, as long as the writer is trusted: what a client put in front is never reached."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(each, strict=False) for each in networks]
        self._trusts = lru_cache(maxsize=1024)(self._look)

    def rewrite(self, scope: Scope) -> None:
        """Put the client's address into `scope["client"]`, in its one spelling, and the scheme that it used into `scope["scheme"]`."""
        client = scope.get("client")
        peer = address_of(client[0]) if client else None
        if client is None or peer is None:
            return
        nearest = peer
        if self._networks and self._trusts(peer):
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            nearest = self._client_behind(peer, [value for name, value in headers if name == b"x-forwarded-for"])
            schemes = [_SCHEMES.get(value.strip().lower()) for name, value in headers if name == b"x-forwarded-proto"]
            scope["scheme"] = schemes[-1] if schemes and schemes[-1] is not None else scope["scheme"]
        scope["client"] = (str(nearest), client[1] if nearest == peer else 0)

    def _client_behind(self, peer: _Address, forwarded_for: Sequence[bytes]) -> _Address:
        """The first from the end that is not a proxy of ours; a proxy where the rest is missing or no address."""
        nearest = peer
        for text in reversed(b",".join(forwarded_for).decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            found = address_of(text)
            if found is None:
                break
            nearest = found
            if not self._trusts(found):
                break
        return nearest

    def _look(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(maxsize=4096)
def address_of(text: str) -> _Address | None:
    """An address, perhaps with a port ("192.0.2.1:80", "[2001:db8::1]:80"). IPv4 inside IPv6 is IPv4, which is how a socket for both shows it."""
    host = text.strip()[:80]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
