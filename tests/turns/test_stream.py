"""The reply that carries a turn's events: heartbeats, and readers that go or do not read. On a loop whose time the test moves."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from parlor.core.web.sse import HEARTBEAT, HEARTBEAT_SECONDS, EventStream


class LeapingLoop(asyncio.SelectorEventLoop):
    """Instead of waiting for a timer it moves its clock there: fifteen seconds pass in none."""

    def __init__(self) -> None:
        super().__init__(_LeapingSelector(self))
        self.leapt_seconds = 0.0

    def time(self) -> float:
        return super().time() + getattr(self, "leapt_seconds", 0.0)


class _LeapingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: LeapingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0 if timeout else timeout)
        if not ready and timeout:
            self._loop.leapt_seconds += timeout
        return ready


Sent = list[tuple[float, bytes]]


async def _serve(frames: AsyncIterator[bytes], seconds: float, accepts: Callable[[], Awaitable[None]] | None = None) -> Sent:
    """What is sent within that time, each with the moment it was sent. The reader leaves at the end. `accepts` delays each write, as a full socket does."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), list[tuple[float, bytes]]()

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(began + seconds - loop.time())
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            if accepts is not None:
                await accepts()
            sent.append((loop.time() - began, message["body"]))

    await EventStream(frames)({"type": "http", "method": "GET"}, receive, send)
    return sent


def _run(work: Callable[[], Awaitable[Any]]) -> Any:
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(_awaited(work))


async def _awaited(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()


async def _speaks_at(*moments: float) -> AsyncIterator[bytes]:
    now = 0.0
    for moment in moments:
        await asyncio.sleep(moment - now)
        now = moment
        yield b"data: x\n\n"
    await asyncio.Event().wait()


def test_a_silent_stream_gets_a_comment_every_fifteen_seconds() -> None:
    """REL-21: proxies close what is silent for a minute; a tool may take three."""
    sent = _run(lambda: _serve(_speaks_at(1), 180))
    first, *beats, end = sent
    assert end[1] == b""
    assert first[1] == b"data: x\n\n"
    assert {body for _, body in beats} == {HEARTBEAT}
    gaps = [later[0] - earlier[0] for earlier, later in zip(sent[:-2], beats, strict=True)]
    assert gaps == pytest.approx([HEARTBEAT_SECONDS] * 11, abs=0.1)


def test_a_stream_that_speaks_gets_no_comments() -> None:
    sent = _run(lambda: _serve(_speaks_at(*range(1, 100, 14)), 100))
    assert [body for _, body in sent] == [b"data: x\n\n"] * 8 + [b""]


def test_a_reader_that_does_not_read_has_one_write_waiting_and_no_more() -> None:
    waiting = 0

    async def never() -> None:
        nonlocal waiting
        waiting += 1
        await asyncio.Event().wait()

    async def work() -> None:
        serving = asyncio.create_task(_serve(_speaks_at(1), 36_000, never))
        await asyncio.sleep(3600)
        assert waiting == 1, "the event, and no comments behind it"
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    _run(work)


def test_the_source_is_closed_when_the_reader_leaves_and_nothing_is_raised() -> None:
    closed: list[str] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"data: x\n\n"
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    assert [body for _, body in _run(lambda: _serve(source(), 5))] == [b"data: x\n\n", b""]
    assert closed == ["closed"]


def test_a_stream_that_is_cancelled_from_outside_is_cancelled() -> None:
    """Only the reader's leaving is taken for an ordinary end: a server that shuts down must get through."""

    async def work() -> None:
        task = asyncio.create_task(_serve(_speaks_at(1), 1000))
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _run(work)


def test_a_stream_ends_with_its_source() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    assert [body for _, body in _run(lambda: _serve(source(), 1000))] == [b"a", b"b", b""]
