import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp.client_proto import ResponseHandler

from parlor.core.outbound import Broken, Malformed, NoAnswer, Outbound, OutboundSettings, Oversized, Refused, TimedOut, Timeouts, Unreachable, provide_outbound
from tests.core.outbound.conftest import Open, Site

QUICK = Timeouts(connect_seconds=1, first_byte_seconds=0.3, idle_seconds=0.3, total_seconds=5)


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def ok(body: bytes = b"ok", headers: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def test_a_redirect_to_the_inside_is_refused(door: Open, site: Site, canary: Site) -> None:
    outbound = door(f"127.0.0.1:{site.port}", ports=(80, canary.port))
    for to in (f"http://127.0.0.1:{canary.port}/", f"//localhost:{canary.port}/", "file:///etc/passwd", "http://169.254.169.254/"):
        site.answer = lambda _, to=to: redirect(to)
        with pytest.raises(Refused):
            async with outbound.guarded("GET", site.url):
                pass


async def test_three_redirects_are_followed_and_the_fourth_is_the_answer(door: Open, site: Site) -> None:
    site.answer = lambda _: redirect("/again")

    async with door("127.0.0.1").guarded("GET", site.url) as reply:
        assert reply.status == 302
    assert len(site.requests) == 4

    async with door("127.0.0.1").guarded("GET", site.url, max_redirects=0) as reply:
        assert reply.status == 302
    assert len(site.requests) == 5


async def test_a_redirect_to_another_origin_takes_no_credentials_along(door: Open, site: Site) -> None:
    async with Site(lambda _: redirect(f"{site.url}/there")) as first:
        headers = {"Authorization": "Bearer canary", "X-Key": "canary", "Cookie": "canary", "Accept": "text/plain"}
        async with door("127.0.0.1").guarded("GET", first.url, headers=headers) as reply:
            assert await reply.read_all(100) == b"ok"

    assert first.requests[0].count(b"canary") == 3
    assert b"canary" not in site.requests[0]
    assert b"text/plain" in site.requests[0]


async def test_a_redirect_within_the_origin_keeps_them(door: Open, site: Site) -> None:
    site.answer = lambda request: ok() if b"/there" in request else redirect("/there", 307)

    async with door("127.0.0.1").guarded("POST", site.url, headers={"Authorization": "Bearer canary"}, body=b"body") as reply:
        assert reply.status == 200

    assert site.requests[1].startswith(b"POST /there")
    assert b"canary" in site.requests[1]
    assert site.requests[1].endswith(b"body")


async def test_a_see_other_is_followed_with_a_get(door: Open, site: Site) -> None:
    site.answer = lambda request: ok() if b"/there" in request else redirect("/there", 303)

    async with door("127.0.0.1").guarded("POST", site.url, body=b"body"):
        pass

    assert site.requests[1].startswith(b"GET /there")
    assert b"body" not in site.requests[1]


async def test_the_trusted_door_follows_no_redirect(door: Open, site: Site, canary: Site) -> None:
    site.answer = lambda _: redirect(canary.url)

    async with door().trusted("POST", site.url, headers={"Authorization": "Bearer canary"}, body=b"{}") as reply:
        assert reply.status == 302


async def test_connections_of_the_trusted_door_are_not_used_by_the_guarded_one(door: Open, site: Site) -> None:
    """They were never checked."""
    outbound = door(ports=(80, site.port), names={"inside.test": ["127.0.0.1"]})
    async with outbound.trusted("GET", site.url) as reply:
        await reply.read_all(10)

    with pytest.raises(Refused):
        async with outbound.guarded("GET", site.url):
            pass


async def test_a_body_is_read_up_to_its_limit(door: Open, site: Site) -> None:
    site.answer = lambda _: ok(b"x" * 100_000)

    async with door().trusted("GET", site.url) as reply:
        assert len(await reply.read_all(100_000)) == 100_000
    with pytest.raises(Oversized):
        async with door().trusted("GET", site.url) as reply:
            await reply.read_all(99_999)


async def test_a_compressed_body_is_not_unpacked(door: Open, site: Site) -> None:
    site.answer = lambda _: ok(b"x" * 10, "Content-Encoding: gzip\r\n")

    with pytest.raises(Malformed):
        async with door().trusted("GET", site.url) as reply:
            await reply.read_all(100)
    assert b"accept-encoding: identity" in site.requests[0].lower()


async def test_an_endless_body_ends_at_the_total_limit(door: Open, site: Site) -> None:
    site.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"
    began = time.monotonic()

    with pytest.raises(TimedOut):
        async with door().trusted("GET", site.url, timeouts=Timeouts(1, 1, 60, 0.3)) as reply:
            await reply.read_all(1000)

    assert time.monotonic() - began < 2
    await asyncio.wait_for(site.closed.wait(), 1)


async def test_silence_is_measured_only_while_somebody_waits_for_bytes(door: Open, site: Site) -> None:
    async with door().trusted("GET", site.url, timeouts=QUICK) as reply:
        await asyncio.sleep(0.5)
        assert await reply.read_all(10) == b"ok"


async def test_what_goes_wrong_says_how_far_it_got(door: Open, site: Site) -> None:
    outbound = door()
    with pytest.raises(Unreachable):
        async with outbound.trusted("GET", "http://127.0.0.1:9/"):
            pass
    site.answer = lambda _: b""
    with pytest.raises(NoAnswer):
        async with outbound.trusted("GET", site.url, timeouts=QUICK):
            pass
    site.answer = lambda _: b"220 mail.example ESMTP\r\n\r\n"
    with pytest.raises(Malformed):
        async with outbound.trusted("GET", site.url, timeouts=QUICK):
            pass
    site.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    with pytest.raises(TimedOut):
        async with outbound.trusted("GET", site.url, timeouts=QUICK) as reply:
            await reply.read_all(10)


async def test_reading_after_leaving_fails_clearly(door: Open, site: Site) -> None:
    site.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"
    async with door().trusted("GET", site.url) as reply:
        await reply.read_some()

    with pytest.raises(Broken):
        await reply.read_some()


class Parser:
    """What aiohttp's connections are told: to pause, and to go on with nothing new to parse."""

    def __init__(self) -> None:
        self.paused = asyncio.Event()
        self.resumed = 0


@pytest.fixture
async def parser(monkeypatch: pytest.MonkeyPatch) -> Parser:
    seen = Parser()
    pause, receive = ResponseHandler.pause_reading, ResponseHandler.data_received

    def pause_reading(self: ResponseHandler) -> None:
        pause(self)
        seen.paused.set()

    def data_received(self: ResponseHandler, data: bytes) -> None:
        seen.resumed += not data
        receive(self, data)

    monkeypatch.setattr(ResponseHandler, "pause_reading", pause_reading)
    monkeypatch.setattr(ResponseHandler, "data_received", data_received)
    return seen


@pytest.mark.parametrize("piece_bytes", [3, 100, 65536])
async def test_a_reader_that_fell_behind_gets_the_rest(door: Open, site: Site, parser: Parser, piece_bytes: int) -> None:
    """So far behind that reading from the connection was paused, again and again; and the connection can be used again."""
    body = bytes(range(256)) * (256 if piece_bytes < 100 else 16384)
    pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    site.answer = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    outbound = door()
    for _ in range(2):
        read: list[bytes] = []
        async with outbound.trusted("GET", site.url) as reply:
            await asyncio.wait_for(parser.paused.wait(), 10)
            while piece := await reply.read_some():
                read.append(piece)
        assert b"".join(read) == body
        parser.paused.clear()
    assert site.connections == 1


async def test_a_connection_that_nothing_has_paused_is_not_resumed(door: Open, site: Site, parser: Parser) -> None:
    """aiohttp goes through its parser once more for it, at each chunk of an answer."""
    site.answer = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    async with door().trusted("GET", site.url) as reply:
        assert await reply.read_some() == b"hello"
        assert await reply.read_some() == b""
    assert not parser.paused.is_set()
    assert parser.resumed == 0


async def test_a_connection_is_used_again_once_its_body_was_read(door: Open, site: Site) -> None:
    outbound = door()
    for _ in range(3):
        async with outbound.trusted("GET", site.url) as reply:
            await reply.read_all(10)

    assert site.connections == 1


async def test_no_cookie_and_no_proxy_of_the_environment_is_used(door: Open, site: Site, canary: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", canary.url)
    site.answer = lambda _: ok(headers="Set-Cookie: a=b\r\n")
    outbound = door("127.0.0.1")
    for _ in range(2):
        async with outbound.guarded("GET", site.url) as reply:
            await reply.read_all(10)

    assert b"cookie" not in site.requests[1].lower()


async def test_closing_twice_and_closing_what_was_never_used_is_fine() -> None:
    outbound = Outbound(OutboundSettings())
    await outbound.close()
    await outbound.close()


async def test_the_container_closes_the_door(site: Site) -> None:
    async with asynccontextmanager(provide_outbound)(OutboundSettings()) as outbound, outbound.trusted("GET", site.url) as reply:
        await reply.read_all(10)

    await asyncio.wait_for(site.closed.wait(), 1)


def test_naming_the_door_does_not_import_aiohttp() -> None:
    """It takes 0.2 s, which every command would pay."""
    code = "import sys, parlor.core.outbound, parlor.llm, parlor.llm.module; sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
