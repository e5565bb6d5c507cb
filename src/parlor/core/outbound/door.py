"""The one door out of the process."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from parlor.core.outbound.errors import Unreachable
from parlor.core.outbound.gate import Gate, Resolve, resolve_by_system
from parlor.core.outbound.settings import OutboundSettings
from parlor.core.outbound.timeouts import Timeouts
from parlor.core.outbound.urls import follow, parse_url

if TYPE_CHECKING:
    from parlor.core.outbound.wire import Pool, Reply

USER_TIMEOUTS = Timeouts(connect_seconds=10, first_byte_seconds=20, idle_seconds=20, total_seconds=60)
MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PUBLIC_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""What may follow a redirect to another origin: everything else may be a credential, or a signature that means nothing there."""


class Outbound:
    """Two ways out, each with its own pool of connections.

    `trusted` is for base URLs from the operator's own settings, `guarded` for every URL that somebody else supplied. Neither sends what
    the caller did not give it: no cookies, no proxies from the environment.
    """

    def __init__(self, settings: OutboundSettings, resolve: Resolve = resolve_by_system) -> None:
        self.gate = Gate(settings, resolve)
        self._pools: dict[Gate | None, Pool] = {}
        self._is_closed = False

    @asynccontextmanager
    async def trusted(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> "AsyncGenerator[Reply]":
        """Call an operator's URL. A redirect is an answer like any other: it is never followed, so no key goes where it was not meant to."""
        reply = await self.open_trusted(method, url, headers=headers, body=body, timeouts=timeouts)
        try:
            yield reply
        finally:
            reply.leave()

    async def open_trusted(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None, timeouts: Timeouts = Timeouts()
    ) -> "Reply":
        """Like `trusted`, for a caller that has a context of its own around the answer: it must `leave` the reply."""
        return await self._send(None, url, method, headers, body, timeouts)

    @asynccontextmanager
    async def guarded(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeouts: Timeouts = USER_TIMEOUTS,
        max_redirects: int = MAX_REDIRECTS,
    ) -> "AsyncGenerator[Reply]":
        """Call a user-supplied URL, after the gate. Raises Refused for what must not be called, also when a redirect leads there.

        At most `max_redirects` are followed, each checked like the first URL; the next one is the answer.
        """
        target = parse_url(url)
        left, headers = max_redirects, headers or {}
        while True:
            self.gate.check_literal(target)
            reply = await self._send(self.gate, target.url, method, headers, body, timeouts)
            try:
                location = reply.headers.get("Location") if reply.status in _REDIRECTS and left else None
                if location is None:
                    yield reply
                    return
            finally:
                reply.leave()
            following = follow(target, location)
            if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            if following.origin != target.origin:
                headers = {name: value for name, value in headers.items() if name.lower() in _PUBLIC_HEADERS}
            target, left = following, left - 1

    async def open_guarded(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None, timeouts: Timeouts = USER_TIMEOUTS
    ) -> "Reply":
        """Like `guarded` without redirects, which are answers here, for a caller that has a context of its own: it must `leave` the reply."""
        target = parse_url(url)
        self.gate.check_literal(target)
        return await self._send(self.gate, target.url, method, headers, body, timeouts)

    async def close(self) -> None:
        """Close all connections. Calls that are under way fail, and later ones find the door shut: nobody would close what they open."""
        self._is_closed = True
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    async def _send(self, gate: Gate | None, target: str, method: str, headers: Mapping[str, str] | None, body: bytes | None, timeouts: Timeouts) -> "Reply":
        # Importing aiohttp takes 0.2 s, and most commands call nobody.
        from parlor.core.outbound.wire import Pool

        if self._is_closed:
            raise Unreachable("This process is ending and calls nobody any more.")
        pool = self._pools.get(gate)
        if pool is None:
            pool = self._pools[gate] = Pool(gate)
        return await pool.send(method, target, headers or {}, body, timeouts)


async def provide_outbound(settings: OutboundSettings) -> "AsyncGenerator[Outbound]":
    """For the container: one door per process, closed with it."""
    outbound = Outbound(settings)
    yield outbound
    await outbound.close()
