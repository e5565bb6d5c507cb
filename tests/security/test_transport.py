"""BAD-15..23, 87, SEC-15, SEC-31, SEC-45 on the whole server: what arrives before any route is known."""

import asyncio
import contextlib
import re
import time

import pytest

from tests.security.operations import operations
from tests.security.site import PROBLEM, Site, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]


def head_of(answer: bytes) -> tuple[int, bytes]:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12]), answer


LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNK = b"10000\r\n" + b"[" * 65536 + b"\r\n"

RAW = {
    "BAD-15 endless chunks": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * 21, 413),
    "BAD-15 a longer body than it says": (LOGIN + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}garbage", 422),
    "BAD-16 a negative length": (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    "BAD-16 two lengths": (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "BAD-16 a length and chunks": (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "BAD-18 ten thousand headers": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: 1\r\n" % at for at in range(10_000)) + b"\r\n", 431),
    "BAD-18 one header of 64 KiB": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 65536 + b"\r\n\r\n", 431),
    "BAD-19 a URL of 64 KiB": (b"GET /health?" + b"x" * 65536 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "BAD-21 an unknown method": (b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "BAD-21 CONNECT": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "BAD-22 a path in the host": (b"GET /health HTTP/1.1\r\nHost: localhost/b?\r\nConnection: close\r\n\r\n", 400),
    "BAD-22 a user in the host": (b"GET /health HTTP/1.1\r\nHost: a@localhost\r\nConnection: close\r\n\r\n", 400),
    "BAD-22 two hosts": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    "BAD-22 no host": (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "SEC-15 another host": (b"GET /api/v1/auth/me HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    "SEC-15 a host that only begins like ours": (b"GET /health HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: close\r\n\r\n", 400),
    "SEC-31 the host of another in the address": (b"GET http://evil.example/api/v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 401),
    "SEC-31 a header line that is folded": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n\r\n", 400),
    "SEC-31 a space before the colon": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5\r\n\r\n", 400),
    "SEC-31 a bare line feed in a header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\nX-B: b\r\n\r\n", 400),
    "SEC-31 NUL in a header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\x00b\r\n\r\n", 400),
    "SEC-31 an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "SEC-31 a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, 400),
    "BAD-87 HTTP/1.0 without a host": (b"GET /health HTTP/1.0\r\n\r\n", 200),
}


@pytest.mark.parametrize("name", RAW)
async def test_what_is_no_proper_request_is_answered_and_ends(site: Site, name: str) -> None:
    request, status = RAW[name]
    found, answer = head_of(await site.send_raw(request))
    # To the parser, what is not HTTP at all may be a method that it does not know, and CONNECT without a host is no request.
    assert found in ((status,) if status not in (400, 405) else (400, 405)), answer[:400]
    if status >= 400:
        assert b"content-type: application/problem+json" in answer.lower()
        assert re.search(rb'"code":"[a-z_.]+"', answer), answer
    await site.still_there()


async def test_a_second_request_in_the_body_of_the_first_is_never_run(site: Site) -> None:
    """SEC-31: smuggling. Whatever way it is hidden, the hidden request makes no account."""
    body = b'{"email": "smuggled@example.com", "password": "a quiet river in may"}'
    hidden = LOGIN.replace(b"login", b"register") + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    heads = [
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    ]
    for head in heads:
        with contextlib.suppress(TimeoutError):  # the server may wait for the rest of a body; nobody else has to
            await site.send_raw(LOGIN + head + hidden, seconds=1)
    answer = await site.admin_or_nobody.post("/auth/login", json={"login": "smuggled@example.com", "password": "a quiet river in may"})
    problem_of(answer, 401, "auth.invalid_credentials")


PATHS = [
    "//api/v1/users", "/api//v1/users", "/api/v1/users/", "/api/v1/./users", "/api/v1/x/../users", "/api/v1/%2e%2e/v1/users", "/api/v1/users;x=1",
    "/API/v1/users",
    "/api/v1/Users", "/api/v1/users%00", "/api/v1/users%20", "/api/v1/%75sers/", "/api/v1/users%2f", "/api/v1/health/../users", "/docs/../api/v1/users",
    "/docs/..%2f..%2fsetup.py", "/docs/%2e%2e%2fpages.py", "/pages/..%2fpages_api.py", "/pages/....//x", "/docs/..\\x",
    "/.env", "//metrics", "/metrics/", "/api/v1/metrics", "/debug", "/admin", "/console.py",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_another_spelling_of_a_path_is_no_way_around(site: Site, path: str) -> None:
    """BAD-23, SEC-29, SEC-46: nothing of this is a route, for nobody."""
    for token in (b"", b"Authorization: Bearer " + site.admin.access_token.encode() + b"\r\n"):
        answer = await site.send_raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + token + b"\r\n")
        assert head_of(answer)[0] == 404, answer[:300]
        assert b"content-type: application/problem+json" in answer.lower()


async def test_an_escaped_letter_is_the_letter_with_the_same_guard(site: Site) -> None:
    """BAD-23"""
    stranger = await site.sign_up()
    problem_of(await site.admin_or_nobody.get(f"{site.url}/api/v1/%75sers"), 401)
    problem_of(await stranger.client.get(f"{site.url}/api/v1/%75sers"), 403, "auth.administrators_only")


async def test_every_path_says_which_methods_it_has(site: Site) -> None:
    """BAD-21"""
    offered: dict[str, set[str]] = {}
    for operation in operations(await site.openapi()):
        offered.setdefault(operation.path, set()).add(operation.method)
    for path, methods in offered.items():
        written = path.replace("{", "").replace("}", "")
        url = site.url + written
        # what is a word in one path may be an id in another, which has methods of its own
        known = methods.union(*(its for other, its in offered.items() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", other), written)))
        for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"} - known:
            answer = await site.admin_or_nobody.request(method, url, headers={"X-HTTP-Method-Override": "GET"})
            problem_of(answer, 405, "request.method_not_allowed")
            assert methods <= set(answer.headers["allow"].split(", ")), f"{method} {path}"


async def test_a_page_of_another_origin_changes_nothing_here(site: Site) -> None:
    """SEC-15, SEC-44: on every write, also with a good token, also as a form or text that a browser sends without asking."""
    scene = await site.scene()
    before = await scene.seen()
    for operation in operations(await site.openapi()):
        if operation.method == "GET":
            continue
        client = site.admin.client if operation.is_for_administrators else scene.owner.client
        for origin in ("https://evil.example", "null", "http://localhost.evil.example", f"{site.url}.evil.example", "http://127.0.0.1"):
            for kind in ("application/json", "text/plain"):
                answer = await operation.call(client, scene, headers={"Origin": origin, "Content-Type": kind})
                problem_of(answer, 403, "request.foreign_origin")
                assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert await scene.seen() == before


async def test_a_page_of_another_origin_reads_nothing_here(site: Site) -> None:
    """SEC-45: without CORS settings no origin is named, and no preflight is answered."""
    member = await site.sign_up()
    read = await member.client.get("/auth/me", headers={"Origin": "https://evil.example"})
    asked = await member.client.options("/auth/me", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"})
    assert asked.status_code == 405
    for answer in (read, asked):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_every_answer_carries_the_headers_that_protect_a_browser(site: Site) -> None:
    scene = await site.scene()
    for operation in operations(await site.openapi()):
        if operation.method == "GET":
            answer = await operation.call(scene.owner.client, scene)
            assert answer.headers["x-content-type-options"] == "nosniff", operation.name
            assert "default-src 'none'" in answer.headers["content-security-policy"], operation.name
            assert answer.headers["cache-control"].startswith(("no-store", "no-cache")), operation.name
            assert "server" not in answer.headers


async def test_a_name_in_a_header_cannot_write_a_line_of_the_log(site: Site) -> None:
    """BAD-39"""
    mark = f"forged{time.monotonic_ns()}"
    await site.send_raw(f"GET /health?%0d%0a{mark}=1 HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {mark} {mark}\r\nConnection: close\r\n\r\n".encode())
    answer = await site.admin_or_nobody.get("/auth/me", headers={"X-Request-ID": f"{mark}\t{mark}"})
    assert mark not in answer.text
    assert mark not in answer.headers["x-request-id"]
    assert not [line for line in site.server.log.splitlines() if line.startswith(mark)]


async def test_two_hundred_connections_that_say_nothing_keep_nobody_out(site: Site) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    idle = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(200)))
    try:
        await site.still_there()
    finally:
        for _, writer in idle:
            writer.close()


async def test_a_refusal_is_a_problem_whatever_the_client_accepts(site: Site) -> None:
    for accept in ("text/html", "image/png", "text/event-stream", "application/xml;q=0.9"):
        answer = await site.admin_or_nobody.get("/auth/me", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
