"""A transport whose end is noticed: the library's session goes on as if nothing were when its server has gone, and fails each later call."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.client import Transport


class _Watched:
    """A stream of messages that says when it has ended. `last_context` is how the library passes the sender's context on."""

    def __init__(self, stream: Any, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end

    @property
    def last_context(self) -> Any:
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> "_Watched":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._on_end()
            raise

    async def __aenter__(self) -> "_Watched":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def _watched(transport: "Transport", on_end: Callable[[], None]) -> AsyncGenerator[Any]:
    async with transport as (reads, writes):
        yield _Watched(reads, on_end), writes


def watched(transport: "Transport", on_end: Callable[[], None]) -> "Transport":
    """The same transport; `on_end` is called when nothing more can come from the server."""
    return _watched(transport, on_end)
