"""Server-sent events over plain ASGI. One read of the source is one write to the socket, and a client that has gone is noticed at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from parlor.core.errors import NotAcceptable

HEARTBEAT = b": keep-alive\n\n"
HEARTBEAT_SECONDS = 15.0
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


Held = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""What an open stream hangs on: a context that is given the way to end the stream, and is left when it has ended."""

_READABLE = frozenset({"text/event-stream", "text/*", "*/*", ""})


def refuse_unless_accepted(accept: str | None) -> None:
    """For a route that has nothing but events. Raises `NotAcceptable` for a client that says it reads something else only."""
    if accept is not None and not any(each.partition(";")[0].strip().lower() in _READABLE for each in accept.split(",")):
        raise NotAcceptable("This answers with events: accept text/event-stream.")


def frame(data: bytes, *, event: str | None = None, event_id: str | int | None = None) -> bytes:
    """One event. `data` is a single line (JSON is)."""
    head = b"" if event_id is None else b"id: %b\n" % str(event_id).encode()
    return head + (b"data: %b\n\n" % data if event is None else b"event: %b\ndata: %b\n\n" % (event.encode(), data))


class EventStream(Response):
    """Sends what `source` yields: whole frames, as many at a time as there are.

    When the client goes, the source is closed (an async generator sees CancelledError where it waits) and nothing is raised. After `heartbeat_seconds` of
    silence a comment goes out. A reader that does not read blocks the source at `send`. `held` may end the stream at any moment.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AsyncIterator[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        held: Held | None = None,
    ) -> None:
        super().__init__(status_code=200, headers={**_HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._source = source
        self._heartbeat_seconds = heartbeat_seconds
        self._held = held or nullcontext
        self._sent_at = 0.0
        self._is_sending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._stream(receive, send)
        finally:
            if (close := getattr(self._source, "aclose", None)) is not None:
                await close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, receive: Receive, send: Send) -> None:
        # A deadline that is moved to "now" ends the loop wherever it waits, and asyncio does the book-keeping of the cancellation.
        deadline = asyncio.timeout(None)
        watcher: asyncio.Task[None] | None = None
        now = asyncio.get_running_loop().time
        try:
            async with deadline:
                with self._held(lambda: deadline.reschedule(now())):
                    watcher = asyncio.create_task(self._watch(receive, send, deadline))
                    await self._pump(send)
        except TimeoutError:
            if not deadline.expired():
                raise
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _pump(self, send: Send) -> None:
        now = asyncio.get_running_loop().time
        self._sent_at = now()
        async for frames in self._source:
            self._is_sending = True
            await send({"type": "http.response.body", "body": frames, "more_body": True})
            self._is_sending = False
            self._sent_at = now()

    async def _watch(self, receive: Receive, send: Send, deadline: asyncio.Timeout) -> None:
        """Until the client goes: wakes only for that, and where a heartbeat may be due."""
        now = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(self._sent_at + self._heartbeat_seconds):
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                if not self._is_sending and now() - self._sent_at >= self._heartbeat_seconds:
                    await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
                    self._sent_at = now()
                elif self._is_sending:
                    self._sent_at = now()
            else:
                deadline.reschedule(now())
                return
