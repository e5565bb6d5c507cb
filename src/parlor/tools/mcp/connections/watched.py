"""A transport whose end is noticed: the library's session goes on as if nothing were when its server has gone, and fails each later call."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mcp.shared.jsonrpc_dispatcher import cancelled_request_id_from_params
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

if TYPE_CHECKING:
    from mcp.client import Transport


_MOST_UNANSWERED = 100
"""Requests of a server that wait for our answer. One that asks and does not listen would have us keep answers without end."""


class _Reads:
    """A stream of messages that says when it has ended. `last_context` is how the library passes the sender's context on."""

    def __init__(self, stream: Any, unanswered: set[Any], on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._unanswered = unanswered
        self._on_end = on_end

    @property
    def last_context(self) -> Any:
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> "_Reads":
        return self

    async def __anext__(self) -> Any:
        try:
            item = await self._stream.__anext__()
            self._count(getattr(item, "message", None))
        except StopAsyncIteration:
            self._on_end()
            raise
        return item

    def _count(self, message: Any) -> None:
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
            if len(self._unanswered) > _MOST_UNANSWERED:
                raise StopAsyncIteration
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._unanswered.discard(cancelled_request_id_from_params(message.params))

    async def __aenter__(self) -> "_Reads":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stream.aclose()


class _Writes:
    def __init__(self, stream: Any, unanswered: set[Any]) -> None:
        self._stream = stream
        self._unanswered = unanswered

    async def send(self, item: SessionMessage) -> None:
        await self._stream.send(item)
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self._unanswered.discard(item.message.id)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> "_Writes":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def _watched(transport: "Transport", on_end: Callable[[], None]) -> AsyncGenerator[Any]:
    async with transport as (reads, writes):
        unanswered = set[Any]()
        yield _Reads(reads, unanswered, on_end), _Writes(writes, unanswered)


def watched(transport: "Transport", on_end: Callable[[], None]) -> "Transport":
    """The same transport; `on_end` is called when nothing more can come from the server."""
    return _watched(transport, on_end)
