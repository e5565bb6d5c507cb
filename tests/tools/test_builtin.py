"""The time, and pages of the web."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.testing import ManualClock
from parlor.tools import ExecutionContext, ToolCaller, ToolError
from parlor.tools.builtin.current_time import CurrentTime
from parlor.tools.builtin.fetch import MOST_CHARS, Fetch
from parlor.tools.builtin.page_text import text_of_page

CONTEXT = ExecutionContext(ToolCaller(UUID(int=1)), "call")

PAGES = {
    "/page": (
        "text/html; charset=utf-8",
        "<html><head><title> A \n page</title><style>x</style></head><body><h1>Grüße</h1><script>steal()</script><p>One<br>two".encode(),
    ),
    "/latin": ("text/plain; charset=iso-8859-1", "Grüße".encode("latin-1")),
    "/strange": ("text/plain; charset=klingon", b"plain"),
    "/long": ("text/plain", b"x" * (MOST_CHARS + 5)),
    "/image": ("image/png", b"\x89PNG"),
    "/huge": ("text/plain", b"x" * (3 * 1024 * 1024)),
}


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        kind, body = PAGES.get(path, ("text/plain", b""))
        status = b"200 OK" if path in PAGES else b"404 Not Found"
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, kind.encode(), len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def fetch() -> AsyncIterator[Fetch]:
    outbound = Outbound(OutboundSettings(allow=("127.0.0.1",)))
    yield Fetch(outbound)
    await outbound.close()


async def test_a_page_is_read_as_text(fetch: Fetch, site: str) -> None:
    read: list[Any] = [await fetch.call({"url": site + path}, CONTEXT) for path in ("/page", "/latin", "/strange")]
    assert read[0] == {"url": f"{site}/page", "title": "A page", "text": "Grüße\nOne\ntwo"}
    assert [each["text"] for each in read[1:]] == ["Grüße", "plain"]


async def test_a_long_page_is_read_piece_by_piece(fetch: Fetch, site: str) -> None:
    first = await fetch.call({"url": f"{site}/long"}, CONTEXT)
    assert (len(first["text"]), first["next_start"]) == (MOST_CHARS, MOST_CHARS)
    second = await fetch.call({"url": f"{site}/long", "start": first["next_start"]}, CONTEXT)
    assert (second["text"], "next_start" in second) == ("xxxxx", False)


@pytest.mark.parametrize(("path", "complaint"), [("/nothing", "the server answered 404"), ("/image", "this is no text but image/png"), ("/huge", "larger")])
async def test_what_is_no_text_is_an_error_that_the_model_reads(fetch: Fetch, site: str, path: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        await fetch.call({"url": site + path}, CONTEXT)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/page", "http://[::ffff:127.0.0.1]:{port}/page", "file:///etc/passwd", "http://x@127.0.0.1:{port}/", "no address"]
)
async def test_nothing_private_is_reached(site: str, url: str) -> None:
    """SEC-25."""
    outbound = Outbound(OutboundSettings())
    with pytest.raises(ToolError):
        await Fetch(outbound).call({"url": url.format(port=site.rpartition(":")[2])}, CONTEXT)
    await outbound.close()


def test_broken_html_is_read_as_far_as_it_goes() -> None:
    assert text_of_page("<p>a<script>x</p>") == ("", "a")
    assert text_of_page("</script><div>a &amp; b</div><title>T") == ("T", "a & b")
    assert text_of_page("<" * 1000)[0] == ""


async def test_the_time_is_told_where_one_wants_it() -> None:
    clock = CurrentTime(ManualClock())
    assert await clock.call({}, CONTEXT) == {"time": "2026-01-01T00:00:00+00:00", "weekday": "Thursday", "timezone": "UTC"}
    assert (await clock.call({"timezone": "Asia/Tokyo"}, CONTEXT))["time"] == "2026-01-01T09:00:00+09:00"
    for wrong in ("Mars/Olympus", "../../etc/passwd", "\x00"):
        with pytest.raises(ToolError, match="Europe/Vienna"):
            await clock.call({"timezone": wrong}, CONTEXT)
