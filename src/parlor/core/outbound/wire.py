"""aiohttp behind the door: pools of connections, one request, one reply. Nothing else in Parlor imports aiohttp."""

import asyncio
import io
import socket
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from parlor.core.outbound.errors import Broken, Malformed, NoAnswer, OutboundFailed, Oversized, TimedOut, Unreachable
from parlor.core.outbound.gate import Gate
from parlor.core.outbound.timeouts import Timeouts

_LARGE_BODY_BYTES = 512 * 1024
_GRACE_SECONDS = 0.5
"""How long a connection whose answer is complete may take to say so, before it is closed instead of used again."""


class _CheckedResolver(AbstractResolver):
    """aiohttp connects to what its resolver returns and resolves nothing again, so the address that was checked is the one that is used."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._gate.addresses_of(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held open."""


class Pool:
    """Connections that are used again. With a gate every new one goes through it; the two kinds never share a connection."""

    def __init__(self, gate: Gate | None) -> None:
        if gate is None:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
        else:
            connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False, resolver=_CheckedResolver(gate))
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # we ask for plain bodies, and never unpack what was not asked for
            headers={"Accept-Encoding": "identity", "User-Agent": "parlor"},
            trust_env=False,
        )
        self._ending: set[aiohttp.ClientResponse] = set()

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeouts: Timeouts) -> "Reply":
        """Send one request and wait for the status line. Redirects are not followed."""
        deadline = asyncio.get_running_loop().time() + timeouts.total_seconds
        limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect_seconds, sock_read=timeouts.first_byte_seconds)
        # aiohttp warns about large bodies given as bytes, because it writes those in one piece.
        data = io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY_BYTES else body
        target = URL(url)
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._session.request(method, target, data=data, headers=headers, allow_redirects=False, timeout=limits)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error, target.host or "") from error
        return Reply(response, timeouts.idle_seconds, deadline, self._let_end)

    async def close(self) -> None:
        for response in list(self._ending):
            response.close()
        await self._session.close()

    def _let_end(self, response: aiohttp.ClientResponse) -> None:
        """Wait a moment for the end of a body whose answer is complete: then the connection can be used again."""
        if response.content.is_eof():  # aiohttp has released the connection already
            return
        self._ending.add(response)

        def end() -> None:
            timer.cancel()
            self._ending.discard(response)
            response.close()

        timer = asyncio.get_running_loop().call_later(_GRACE_SECONDS, end)
        # aiohttp has its own callback there, which has released the connection when this one runs.
        response.content.on_eof(end)


def _translated(error: Exception, host: str) -> OutboundFailed:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Unreachable(f"{host} did not accept a connection in time.")
        case aiohttp.ClientConnectorError():
            return Unreachable(f"{host} cannot be reached.")
        case TimeoutError():
            return NoAnswer(f"{host} took the request and did not answer in time.")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | ValueError():
            return Malformed(f"{host} does not answer in proper HTTP.")
        case _:
            return NoAnswer(f"{host} closed the connection without an answer.")


class Reply:
    """An answer whose body is still arriving. It belongs to the `async with` that made it, which closes the connection when it is left early."""

    __slots__ = ("_content", "_deadline", "_idle_seconds", "_is_kept", "_let_end", "_loop", "_response", "_timer", "_waiting_since", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, idle_seconds: float, deadline: float, let_end: Callable[[aiohttp.ClientResponse], None]) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._content = response.content
        self._let_end = let_end
        self._loop = asyncio.get_running_loop()
        self._idle_seconds = idle_seconds
        self._deadline = deadline
        self._waiting_since: float | None = None
        self._is_kept = False
        if connection := response.connection:
            _stop_aiohttp_timer(connection)
        self._timer = self._loop.call_at(min(deadline, self._loop.time() + idle_seconds), self._look)

    @property
    def content_type(self) -> str:
        """Lower case, without parameters: `text/event-stream`."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_plain(self) -> bool:
        """Whether the body comes without compression, as was asked for."""
        return self.headers.get("Content-Encoding", "identity").strip().lower() in ("", "identity")

    async def read_some(self) -> bytes:
        """Everything that has arrived since the last call, waiting for at least one byte; empty at the end of the body."""
        self._waiting_since = self._loop.time()
        try:
            return await _read_at_once(self._content)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise Broken("The connection ended before the answer was complete.") from error
        finally:
            self._waiting_since = None

    async def read_all(self, max_bytes: int) -> bytes:
        """The rest of the body. Raises Oversized as soon as there are more than `max_bytes`, and Malformed when it is compressed."""
        if not self.is_plain:
            raise Malformed("The answer is compressed, which was not asked for.")
        pieces: list[bytes] = []
        left = max_bytes
        while piece := await self.read_some():
            left -= len(piece)
            if left < 0:
                raise Oversized(f"The answer is larger than {max_bytes} bytes.")
            pieces.append(piece)
        return b"".join(pieces)

    def expect_end(self, within_seconds: float) -> None:
        """From now on a silence of `within_seconds` is too long: all that matters has arrived."""
        self._idle_seconds = min(self._idle_seconds, within_seconds)
        self._timer.cancel()
        self._look()

    def keep_connection(self) -> None:
        """The answer is complete by its own rules: use the connection again once the peer has ended the body, which it gets a moment for."""
        self._timer.cancel()
        if not self._is_kept:
            self._is_kept = True
            self._let_end(self._response)

    def leave(self) -> None:
        """Close the connection at once, unless the body was read to its end. TLS connections are not kept waiting for the peer's goodbye."""
        if self._is_kept:
            return
        self._timer.cancel()
        connection = self._response.connection
        transport = connection.transport if connection else None
        self._response.close()
        if transport is not None:
            transport.abort()

    def _look(self) -> None:
        """One timer per reply, moved on lazily: a timer for each read costs as much as the read."""
        now = self._loop.time()
        since = now if self._waiting_since is None else self._waiting_since
        due = min(self._deadline, since + self._idle_seconds)
        if due > now:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._content.set_exception(TimedOut("The answer stayed silent or took too long."))


async def _read_at_once(content: Any) -> bytes:
    """`content.readany()`, with all the HTTP chunks that wait joined first, and without resuming a connection that nothing has paused.

    aiohttp (3.14) takes chunks one by one, and goes through its parser anew after each: for an answer in 64 chunks that cost a tenth of a whole turn.
    """
    while not content._buffer and not content.is_eof():
        if (error := content.exception()) is not None:
            raise error
        await content._wait("read_some")
    buffer = content._buffer
    if len(buffer) > 1 and not content._buffer_offset:
        joined = b"".join(buffer)
        buffer.clear()
        buffer.append(joined)
    if content._protocol._reading_paused:
        return content.read_nowait(-1)
    low_water, content._low_water = content._low_water, -1  # it resumes when less than that is left
    try:
        return content.read_nowait(-1)
    finally:
        content._low_water = low_water


def _stop_aiohttp_timer(connection: Any) -> None:
    """aiohttp has one limit for both the wait for headers and every later silence, and moves a timer for each read."""
    connection.protocol.read_timeout = None
    connection.protocol.start_timeout()
