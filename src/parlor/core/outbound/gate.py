"""The gate that user-supplied URLs pass: every address of the host is looked at, and the connection goes to exactly those."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from parlor.core.outbound.addresses import is_public, parse_address
from parlor.core.outbound.errors import Refused, Unreachable
from parlor.core.outbound.settings import OutboundSettings
from parlor.core.outbound.urls import Target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and a port into addresses, or raises OSError."""


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class Gate:
    def __init__(self, settings: OutboundSettings, resolve: Resolve = resolve_by_system) -> None:
        self._allow = frozenset(settings.allow)
        self._ports = frozenset(settings.ports)
        self._resolve = resolve

    def check_literal(self, target: Target) -> None:
        """Refuse what can be refused without a name server: an address that is not public, a port that is not listed."""
        if parse_address(target.host) is not None:
            self._check([target.host], target.host, target.port)

    async def addresses_of(self, host: str, port: int) -> Sequence[str]:
        """All addresses of `host`, resolved once, each of them checked. Raises Refused when one is not public, and Unreachable when there is none."""
        try:
            addresses = [host] if parse_address(host) is not None else await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"The host {host} is not known.") from error
        if not addresses:
            raise Unreachable(f"The host {host} is not known.")
        self._check(addresses, host, port)
        return addresses

    def _check(self, addresses: Sequence[str], host: str, port: int) -> None:
        if self._is_allowed(host, port):
            return
        for text in addresses:
            address = parse_address(text)
            if address is None or not (self._is_allowed(text, port) or is_public(address)):
                raise Refused(f"The host {host} is not on the public internet. An operator can list it in PARLOR_OUTBOUND__ALLOW.")
        if port not in self._ports and not all(self._is_allowed(text, port) for text in addresses):
            raise Refused(f"Port {port} cannot be called; the allowed ones are {', '.join(map(str, sorted(self._ports)))}.")

    def _is_allowed(self, host: str, port: int) -> bool:
        return host in self._allow or f"{host}:{port}" in self._allow or f"[{host}]:{port}" in self._allow
