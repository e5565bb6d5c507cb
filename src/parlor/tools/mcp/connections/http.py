"""HTTP of the library, through our own door: every request that it makes for a server goes through `Outbound`, guarded unless the operator chose the address.

An exception here would end the whole connection (the library does each request in a task of one group), so what goes wrong with one request is told to its
exchange, and the library gets an answer that it can live with.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import httpx2  # noqa: TID251 - the library wants a client of this make; ours has no way out but Outbound
import msgspec
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from parlor.core.outbound import Malformed, Outbound, OutboundFailed, Refused, Timeouts, parse_url
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.errors import ServerFailed, SignInNeeded
from parlor.tools.mcp.connections.exchange import Exchange, current
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.mcp.specs import Challenge, ServerSpec

if TYPE_CHECKING:
    from mcp.client import Transport

    from parlor.core.outbound import Reply

Kind = Literal["request", "notice", "stream", "goodbye"]
"""A message that wants an answer, one that wants none (or is one), a stream to listen to, the end of a session."""

_NOTICE_SECONDS = 10.0
_GOODBYE_SECONDS = 2.0
_MOST_REDIRECTS = 3
_STREAM_MESSAGES = 16
"""How many messages of the largest size the answer to one request may be in all."""
_QUICK_STREAMS = 3
_MOST_PAUSE_SECONDS = 60.0
_LARGE_BODY_BYTES = 64 * 1024
_NOT_SENT = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "user-agent"})
_REFUSED = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "The request was not answered"}}'


class _Envelope(msgspec.Struct):
    id: Any = None
    method: str | None = None


_decoder = msgspec.json.Decoder(_Envelope)


class OutboundTransport(httpx2.AsyncBaseTransport):
    """Of one connection. Requests outside of a call belong to the exchange that opened it."""

    def __init__(self, opening: Exchange, outbound: Outbound, authorizer: Authorizer | None, most_bytes: int, lifetime_seconds: float) -> None:
        self._spec = spec = opening.spec
        self._opening = opening
        self._outbound = outbound
        self._authorizer = authorizer if spec.uses_sign_in else None
        self._most_bytes = most_bytes
        self._lifetime_seconds = lifetime_seconds
        self._streams_opened = 0
        self.is_open = False
        """Whether what is requested outside of a call is no longer the opening itself."""
        self.is_session_gone = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        kind = _kind(request.method, body)
        exchange = current.get() or self._opening
        if kind in ("request", "stream") and exchange is not self._opening and not exchange.take_request():
            return self._refusal()
        if exchange is self._opening and not self.is_open and exchange.failure is not None and kind != "goodbye":
            return self._refusal()  # nothing that follows could end otherwise
        if exchange is self._opening and kind == "stream":
            await self._pause()
        try:
            reply = await self._send(kind, request, body, exchange)
            if kind in ("request", "stream") and reply.content_type == "text/event-stream" and reply.status < 300:
                return self._streaming(reply, exchange)
            return await self._whole(kind, reply, request, exchange)
        except (SignInNeeded, ToolError) as needed:
            self._fail(kind, exchange, needed)
        except Refused as error:
            self._fail(kind, exchange, ToolError(f"The server {self._spec.name} cannot be called: {error.detail}"))
        except OutboundFailed as error:
            self._fail(kind, exchange, ServerFailed(f"The server {self._spec.name} did not answer as it should: {error.detail}"))
        return self._refusal()

    async def _send(self, kind: Kind, request: httpx2.Request, body: bytes, exchange: Exchange) -> "Reply":
        """The answer, whose body is still arriving. Where each user signs in, a refused request is repeated once if that may help. Raises SignInNeeded."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_SENT}
        if len(body) > _LARGE_BODY_BYTES:
            headers["connection"] = "close"  # one that is refused before it was read whole would block what comes after it on the same connection
        if self._authorizer is None:
            return await self._call(kind, request, headers, body, exchange)
        is_repetition = False
        while True:
            if authorization := await self._authorizer.authorization(self._spec, exchange.caller):
                headers["authorization"] = authorization
            reply = await self._call(kind, request, headers, body, exchange)
            if reply.status not in (401, 403):
                return reply
            challenge = Challenge(reply.status, reply.headers.get("WWW-Authenticate", ""))
            reply.leave()
            if is_repetition or not await self._authorizer.challenged(self._spec, exchange.caller, challenge):
                raise SignInNeeded(challenge)
            is_repetition = True

    async def _call(self, kind: Kind, request: httpx2.Request, headers: Mapping[str, str], body: bytes, exchange: Exchange) -> "Reply":
        open_reply = self._outbound.open_trusted if self._spec.is_trusted else self._outbound.open_guarded
        timeouts = self._timeouts(kind, exchange)
        return await open_reply(request.method, str(request.url), headers=headers, body=body or None, timeouts=timeouts)

    def _timeouts(self, kind: Kind, exchange: Exchange) -> Timeouts:
        if kind == "goodbye":
            return Timeouts(_GOODBYE_SECONDS, _GOODBYE_SECONDS, _GOODBYE_SECONDS, _GOODBYE_SECONDS)
        if kind == "notice" or (kind == "request" and self._spec.transport == "sse"):
            seconds = _NOTICE_SECONDS
        elif exchange is self._opening and (kind == "stream" or self.is_open):
            seconds = self._lifetime_seconds
        else:
            seconds = max(0.05, exchange.seconds_left)
        return Timeouts(min(seconds, self._spec.connect_seconds), seconds, seconds, seconds)

    def _streaming(self, reply: "Reply", exchange: Exchange) -> httpx2.Response:
        if not reply.is_plain:
            reply.leave()
            raise Malformed("The answer is compressed, which was not asked for.")
        is_whole_life = exchange is self._opening
        stream = _Events(reply, None if is_whole_life else self._most_bytes * _STREAM_MESSAGES)
        if not is_whole_life:
            exchange.hold(reply.leave)
            stream.on_close = lambda: exchange.release(reply.leave)
        return httpx2.Response(reply.status, headers=_headers(reply), stream=stream)

    async def _whole(self, kind: Kind, reply: "Reply", request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        try:
            body = await reply.read_all(self._most_bytes)
        finally:
            reply.leave()
        if kind == "request":
            exchange.http_status = reply.status
            if reply.status == 404 and "mcp-session-id" in request.headers:
                self.is_session_gone = True
            if self._spec.transport == "sse" and reply.status >= 400:
                error = (ServerFailed if reply.status >= 500 else ToolError)(f"The server {self._spec.name} answered with HTTP status {reply.status}.")
                self._fail(kind, exchange, error)
                return self._refusal()
        if kind == "stream" and self._spec.transport == "sse" and reply.status >= 300:
            self._fail(kind, exchange, ServerFailed(f"The server {self._spec.name} answered with HTTP status {reply.status}."))
        return httpx2.Response(reply.status, headers=_headers(reply), content=body)

    def _fail(self, kind: Kind, exchange: Exchange, error: Exception) -> None:
        """A stream beside the calls is a convenience of the newer transport; of the older one it is all there is."""
        is_background = exchange is self._opening and self.is_open
        if not is_background and (kind == "request" or (kind == "stream" and self._spec.transport == "sse")):
            exchange.fail(error)

    async def _pause(self) -> None:
        """The library takes a stream that has ended up again for ever, as fast as the server says."""
        self._streams_opened += 1
        if self._streams_opened > _QUICK_STREAMS:
            await asyncio.sleep(min(_MOST_PAUSE_SECONDS, 2.0 ** (self._streams_opened - _QUICK_STREAMS)))

    def _refusal(self) -> httpx2.Response:
        if self._spec.transport == "sse":
            return httpx2.Response(202)
        return httpx2.Response(503, headers={"content-type": "application/json"}, content=_REFUSED)


class _Events(httpx2.AsyncByteStream):
    def __init__(self, reply: "Reply", most_bytes: int | None) -> None:
        self._reply = reply
        self._left_bytes = most_bytes
        self.on_close = lambda: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                piece = await self._reply.read_some()
            except OutboundFailed as error:
                raise httpx2.ReadError(error.detail) from error
            if not piece:
                return
            if self._left_bytes is not None:
                self._left_bytes -= len(piece)
                if self._left_bytes < 0:
                    raise httpx2.ReadError("The answer is too large.")
            yield piece

    async def aclose(self) -> None:
        self._reply.leave()
        self.on_close()


def _kind(method: str, body: bytes) -> Kind:
    if method == "DELETE":
        return "goodbye"
    if method != "POST":
        return "stream"
    message = _decoder.decode(body)
    return "request" if message.method is not None and message.id is not None else "notice"


def _headers(reply: "Reply") -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers.items() if name.lower() not in ("content-encoding", "transfer-encoding", "content-length")]


def http_transport(spec: ServerSpec, transport: OutboundTransport, most_bytes: int) -> "Transport":
    """The pair of streams that the library's client takes."""
    parse_url(spec.url)
    return _sse(spec, transport) if spec.transport == "sse" else _streamable(spec, transport, most_bytes)


def _client(spec: ServerSpec, transport: OutboundTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport, headers=dict(spec.headers), timeout=None, follow_redirects=False, max_redirects=_MOST_REDIRECTS, trust_env=False
    )


@asynccontextmanager
async def _streamable(spec: ServerSpec, transport: OutboundTransport, most_bytes: int) -> AsyncGenerator[Any]:
    async with _client(spec, transport) as client, streamable_http_client(spec.url, http_client=client, max_sse_event_size=most_bytes) as streams:
        yield streams


@asynccontextmanager
async def _sse(spec: ServerSpec, transport: OutboundTransport) -> AsyncGenerator[Any]:
    def make(headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
        return _client(spec, transport)

    async with sse_client(spec.url, httpx_client_factory=make) as streams:
        yield streams
