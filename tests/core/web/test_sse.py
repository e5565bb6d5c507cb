import asyncio
from collections.abc import AsyncIterator
from typing import Any

from parlor.core.web.sse import EventStream, frame
from tests.core.web.conftest import Site, head


async def read_until(reader: asyncio.StreamReader, ending: bytes) -> bytes:
    return await asyncio.wait_for(reader.readuntil(ending), 10)


async def open_stream(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    reader, writer = await site.connect()
    writer.write(head("GET", "/api/v1/stream"))
    return reader, writer, (await read_until(reader, b"\r\n\r\n")).decode().lower()


async def test_frames_go_out_as_they_come_and_nothing_stores_them(site: Site) -> None:
    reader, writer, opening = await open_stream(site)
    assert "content-type: text/event-stream" in opening
    assert "cache-control: no-cache, no-transform" in opening
    assert "x-accel-buffering: no" in opening
    assert "content-length" not in opening
    site.stage.frames.put_nowait(frame(b'{"n":1}', event="tick", event_id=1) + frame(b'{"n":2}'))
    assert await read_until(reader, b'data: {"n":2}\n\n\r\n') == b'3a\r\nid: 1\nevent: tick\ndata: {"n":1}\n\ndata: {"n":2}\n\n\r\n'.replace(
        b"3a", b"%x" % len(frame(b'{"n":1}', event="tick", event_id=1) + frame(b'{"n":2}'))
    )
    site.stage.frames.put_nowait(None)
    assert await read_until(reader, b"0\r\n\r\n") == b"0\r\n\r\n"
    assert site.stage.closed.is_set()
    writer.close()


async def test_the_source_is_closed_when_the_client_goes(site: Site) -> None:
    """A raw ASGI stream that does not watch for it leaves the source open."""
    _, writer, _ = await open_stream(site)
    writer.close()
    await asyncio.wait_for(site.stage.closed.wait(), 10)


async def test_silence_is_broken_by_comments(site: Site) -> None:
    """REL-21"""
    site.stage.heartbeat_seconds = 0.05
    reader, writer, _ = await open_stream(site)
    for _ in range(3):
        await read_until(reader, b": keep-alive\n\n")
    site.stage.frames.put_nowait(frame(b"x"))
    await read_until(reader, b"data: x\n\n")
    await read_until(reader, b": keep-alive\n\n")
    writer.close()
    await asyncio.wait_for(site.stage.closed.wait(), 10)


async def test_a_reader_that_never_reads_stops_the_source_and_is_let_go_with_its_connection(site: Site) -> None:
    """REL-14: what waits is the source, not memory of ours."""
    site.stage.heartbeat_seconds = 0.05
    _, writer, _ = await open_stream(site)
    for _ in range(200):
        site.stage.frames.put_nowait(frame(b"x" * 100_000))
    for _ in range(2_000):  # turns of the loop, which all of the 20 MB would need far fewer of
        await asyncio.sleep(0)
    assert site.stage.frames.qsize() > 50
    writer.transport.abort()
    await asyncio.wait_for(site.stage.closed.wait(), 10)


async def test_an_http_1_0_client_reads_to_the_end(site: Site) -> None:
    """BAD-87"""
    site.stage.frames.put_nowait(frame(b"x"))
    site.stage.frames.put_nowait(None)
    reader, writer = await site.connect()
    writer.write(b"GET /api/v1/stream HTTP/1.0\r\n\r\n")
    assert b"data: x\n\n" in await asyncio.wait_for(reader.read(), 10)
    writer.close()


async def test_the_source_is_closed_when_the_client_goes_while_it_is_being_written_to() -> None:
    """Then nothing waits inside the source, and no cancellation reaches it."""
    closed, writing = asyncio.Event(), asyncio.Event()

    async def frames() -> AsyncIterator[bytes]:
        try:
            while True:
                yield frame(b"x")
        finally:
            closed.set()

    async def receive() -> dict[str, str]:
        await writing.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["more_body"]:
            writing.set()
            await asyncio.Event().wait()

    source = frames()
    await asyncio.wait_for(EventStream(source)({"type": "http", "method": "GET"}, receive, send), 10)
    assert closed.is_set()
