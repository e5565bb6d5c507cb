"""A turn's frames as a reply: raw ASGI, because a response that does not watch for the client's leaving never learns of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEARTBEAT_SECONDS = 15.0
"""Proxies close a stream that is silent for a minute."""


class TurnStream(Response):
    """Sends each item of `frames` with one write. The turn goes on when the reader leaves; only the reading ends."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncIterator[bytes], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sending = asyncio.current_task()
        assert sending is not None
        has_left = False

        async def watch() -> None:
            nonlocal has_left
            while (await receive())["type"] != "http.disconnect":
                pass
            has_left = True
            sending.cancel()

        heart = _Heart(send)
        watching = asyncio.create_task(watch(), name="reader of a turn")
        try:
            async for frames in self._frames:
                heart.beat()
                await send({"type": "http.response.body", "body": frames, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if not has_left:
                raise
            sending.uncancel()
        except OSError:  # the socket closed under a write
            pass
        finally:
            heart.stop()
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            if (close := getattr(self._frames, "aclose", None)) is not None:
                await close()


class _Heart:
    """One timer a stream, set again only when it rings: a busy stream pays nothing for it but a clock reading a write."""

    __slots__ = ("_last", "_loop", "_send", "_sending", "_timer")

    def __init__(self, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        self._send = send
        self._sending: asyncio.Task[None] | None = None
        self._last = self._loop.time()
        self._timer = self._loop.call_later(HEARTBEAT_SECONDS, self._ring)

    def beat(self) -> None:
        self._last = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _ring(self) -> None:
        silent_seconds = self._loop.time() - self._last
        if silent_seconds >= HEARTBEAT_SECONDS - 0.001:
            self._sending = self._loop.create_task(self._comment(), name="heartbeat")
            self._last, silent_seconds = self._loop.time(), 0.0
        self._timer = self._loop.call_later(HEARTBEAT_SECONDS - silent_seconds, self._ring)

    async def _comment(self) -> None:
        with contextlib.suppress(OSError):
            await self._send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
