"""What is written in one turn of the loop goes out at once, in order, and never later than the connection's end."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from parlor.core.web.joined_writes import MOST_BYTES, JoinedWrites
from parlor.core.web.protocol import bounded
from parlor.core.web.settings import ServerSettings


class Recorder(asyncio.Transport):
    """A connection that keeps what reaches it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4711)})
        self.calls: list[str | bytes] = []
        self.is_reading_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def write_eof(self) -> None:
        self.calls.append("eof")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def is_reading(self) -> bool:
        return not self.is_reading_paused


@pytest.fixture
async def made() -> tuple[JoinedWrites, Recorder]:
    recorder = Recorder()
    return JoinedWrites(recorder, asyncio.get_running_loop()), recorder


Made = tuple[JoinedWrites, Recorder]


async def test_one_turn_of_the_loop_is_one_write(made: Made) -> None:
    joined, recorder = made
    for piece in (b"head", b"", b"body", bytearray(b"end")):
        joined.write(piece)
    assert recorder.calls == []
    await asyncio.sleep(0)
    assert recorder.calls == [b"headbodyend"]
    joined.write(b"next")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert recorder.calls == [b"headbodyend", b"next"]


async def test_a_piece_is_kept_as_it_was_when_it_was_written(made: Made) -> None:
    joined, recorder = made
    buffer = bytearray(b"one")
    joined.write(buffer)
    buffer[:] = b"two"
    await asyncio.sleep(0)
    assert recorder.calls == [b"one"]


async def test_much_does_not_wait(made: Made) -> None:
    joined, recorder = made
    joined.write(b"a" * MOST_BYTES)
    assert recorder.calls == []
    joined.write(b"b")
    assert recorder.calls == [b"a" * MOST_BYTES + b"b"]
    joined.write(b"c")
    await asyncio.sleep(0)
    assert recorder.calls[1:] == [b"c"]


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_an_end_comes_behind_what_was_written(made: Made, end: str) -> None:
    joined, recorder = made
    joined.write(b"last words")
    getattr(joined, end)()
    expected = [b"last words", end.removeprefix("write_")]
    assert recorder.calls == expected
    await asyncio.sleep(0)
    assert recorder.calls == expected


async def test_nothing_is_written_after_an_abort_or_to_a_connection_that_closes(made: Made) -> None:
    joined, recorder = made
    joined.write(b"lost")
    joined.abort()
    joined.write(b"lost as well")
    await asyncio.sleep(0)
    assert recorder.calls == ["abort"]
    assert joined.is_closing()


async def test_the_rest_is_the_connections_own(made: Made) -> None:
    joined, recorder = made
    told: list[Any] = [joined.get_extra_info("peername"), joined.get_extra_info("sslcontext", "none"), joined.is_closing(), joined.is_reading()]
    assert told == [("192.0.2.1", 4711), "none", False, True]
    joined.pause_reading()
    assert recorder.is_reading_paused
    joined.resume_reading()
    assert joined.is_reading()


async def test_an_answer_is_one_write() -> None:
    """Its head, its body and its end."""
    config = uvicorn.Config(PlainTextResponse("hello"), http=bounded(ServerSettings()), ws="none", lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    protocol, recorder = bounded(ServerSettings())(config=config, server_state=state, app_state={}), Recorder()  # pyright: ignore[reportCallIssue]
    protocol.connection_made(recorder)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.gather(*state.tasks)
    await asyncio.sleep(0)
    [answer] = recorder.calls
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")
    protocol.connection_lost(None)
