"""The gate over a real socket."""

import asyncio
import json
import uuid
from typing import Any

import pytest

from parlor.core.web.settings import ServerSettings
from tests.core.web.conftest import Log, OpenSite, Site, head, make_site, problem_of, read_answer

GREETING = b'{"name": "Ada"}'


async def test_an_answer_has_a_request_id_and_the_security_headers(site: Site) -> None:
    answer = await site.get("/api/v1/things/7")
    assert (answer.status, answer.json) == (200, {"id": 7})
    assert uuid.UUID(answer.headers["x-request-id"]).version == 7
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers or "uvicorn" in answer.headers["server"]


async def test_a_well_formed_request_id_is_kept_and_any_other_replaced(site: Site) -> None:
    kept = await site.get("/api/v1/things/7", "X-Request-ID: trace-0123.abc_DEF")
    assert kept.headers["x-request-id"] == "trace-0123.abc_DEF"
    for bad in ("short", "x" * 129, "spaces in it!", "semi;colon-and-more", '"quoted-and-long"'):
        answer = await site.get("/api/v1/things/7", f"X-Request-ID: {bad}")
        assert uuid.UUID(answer.headers["x-request-id"])


async def test_errors_carry_the_request_id_of_the_client(site: Site) -> None:
    answer = await site.get("/api/v1/missing", "X-Request-ID: from-the-client")
    problem = problem_of(answer, 404, "test.no_such_thing")
    assert problem["request_id"] == "from-the-client"
    assert problem["name"] == "x"


# Bodies


async def test_a_body_over_the_limit_is_refused_by_its_declared_length(site: Site) -> None:
    """BAD-15"""
    body = b'{"name": "' + b"a" * (1024 * 1024) + b'"}'
    answer = await site.post("/api/v1/greetings", body)
    assert problem_of(answer, 413, "request.too_large")["max_bytes"] == 1024 * 1024
    assert answer.headers["connection"] == "close"


async def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_asked_for(site: Site) -> None:
    request = head("POST", "/api/v1/greetings", "Content-Length: 2000000", "Content-Type: application/json", "Expect: 100-continue")
    problem_of(await site.ask(request), 413, "request.too_large")
    welcome = head("POST", "/api/v1/greetings", f"Content-Length: {len(GREETING)}", "Content-Type: application/json", "Expect: 100-continue")
    assert (await site.ask(welcome)).status == 100


async def test_an_endless_chunked_body_is_cut_off_at_the_limit(site: Site) -> None:
    """BAD-15"""
    reader, writer = await site.connect()
    writer.write(head("POST", "/api/v1/greetings", "Transfer-Encoding: chunked", "Content-Type: application/json"))
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent = 0

    async def pour() -> None:
        nonlocal sent
        while sent < 400:
            writer.write(chunk)
            await writer.drain()
            sent += 1

    pouring = asyncio.create_task(pour())
    answer = await read_answer(reader)
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    writer.close()
    problem_of(answer, 413, "request.too_large")


async def test_a_chunked_body_within_the_limit_is_read(site: Site) -> None:
    chunks = b"5\r\n" + GREETING[:5] + b"\r\n" + f"{len(GREETING) - 5:x}\r\n".encode() + GREETING[5:] + b"\r\n0\r\n\r\n"
    answer = await site.ask(head("POST", "/api/v1/greetings", "Transfer-Encoding: chunked", "Content-Type: application/json") + chunks)
    assert (answer.status, answer.json["text"]) == (200, "hello Ada")


async def test_a_large_body_is_accepted_where_images_travel(open_site: OpenSite) -> None:
    site = await open_site(max_large_json_bytes=3 * 1024 * 1024)
    body = json.dumps({"name": "Ada", "more": "x" * 2_000_000}).encode()
    assert (await site.post("/v1/greetings", body)).status == 404
    assert (await site.post("/api/v1/greetings", body)).status == 413


@pytest.mark.parametrize("length", ["-1", "+5", "1, 2", "abc", "1_0", "0x5", ""])
async def test_a_content_length_that_is_no_number_is_refused(site: Site, length: str) -> None:
    """BAD-16"""
    answer = await site.ask(head("POST", "/api/v1/greetings", f"Content-Length: {length}", "Content-Type: application/json") + GREETING)
    problem_of(answer, 400, "request.malformed")


async def test_two_content_lengths_are_refused(site: Site) -> None:
    answer = await site.ask(head("POST", "/api/v1/greetings", "Content-Length: 15", "Content-Length: 15", "Content-Type: application/json") + GREETING)
    assert answer.status == 400


async def test_a_body_longer_than_it_said_is_read_as_long_as_it_said(site: Site) -> None:
    """BAD-15: what follows would be the next request, and is none, so the connection ends."""
    request = head("POST", "/api/v1/greetings", f"Content-Length: {len(GREETING)}", "Content-Type: application/json") + GREETING
    reader, writer = await site.connect()
    writer.write(request + b"leftover that is no request\r\n\r\n")
    answer = await read_answer(reader)
    assert (answer.status, answer.json["text"]) == (200, "hello Ada")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_body_that_never_comes_is_given_up(open_site: OpenSite) -> None:
    """BAD-17"""
    site = await open_site(body_grace_seconds=0.2)
    answer = await site.ask(head("POST", "/api/v1/greetings", "Content-Length: 100", "Content-Type: application/json") + b'{"na')
    problem_of(answer, 408, "request.timeout")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "GZIP"])
async def test_an_encoded_body_is_not_unpacked(site: Site, encoding: str) -> None:
    """BAD-14"""
    answer = await site.post("/api/v1/greetings", GREETING, f"Content-Encoding: {encoding}")
    problem_of(answer, 415, "request.unsupported_media_type")


async def test_identity_is_no_encoding(site: Site) -> None:
    assert (await site.post("/api/v1/greetings", GREETING, "Content-Encoding: identity")).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "*/*"])
async def test_a_body_of_another_type_is_refused(site: Site, kind: str) -> None:
    """BAD-13"""
    answer = await site.post("/api/v1/greetings", GREETING, f"Content-Type: {kind}")
    problem_of(answer, 415, "request.unsupported_media_type")


async def test_a_body_without_a_type_is_refused(site: Site) -> None:
    """BAD-13"""
    answer = await site.ask(head("POST", "/api/v1/greetings", f"Content-Length: {len(GREETING)}") + GREETING)
    problem_of(answer, 415, "request.unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.parlor+json"])
async def test_json_by_any_of_its_names_is_read(site: Site, kind: str) -> None:
    assert (await site.post("/api/v1/greetings", GREETING, f"Content-Type: {kind}")).status == 200


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'""', b"0", b'{"name": null}', b"{}", b'{"name": "Ada", "unknown": 1}'])
async def test_what_is_json_and_no_greeting_is_422(site: Site, body: bytes) -> None:
    """BAD-01..03, BAD-20, SEC-33"""
    answer = await site.post("/api/v1/greetings", body)
    problem = problem_of(answer, 422, "request.invalid")
    assert problem["errors"][0]["loc"][0] == "body"


@pytest.mark.parametrize("body", [b"{", b'{"name": "Ada", "name": "Bob"}', b'{"name": NaN}', b'{"name": "\\ud800"}', b'{"name": "\xff"}', b"[" * 100_000])
async def test_what_is_not_strict_json_is_400(site: Site, body: bytes) -> None:
    answer = await site.post("/api/v1/greetings", body)
    problem_of(answer, 400, "request.malformed_json")


async def test_a_nul_character_is_422(site: Site) -> None:
    answer = await site.post("/api/v1/greetings", b'{"name": "a\\u0000b"}')
    assert problem_of(answer, 422, "request.invalid")["errors"] == [
        {"loc": ["body"], "msg": "A text of the body has a NUL character in it.", "type": "nul_character"}
    ]


async def test_a_422_never_repeats_what_was_sent(site: Site) -> None:
    answer = await site.post("/api/v1/greetings", json.dumps({"name": {"password": "hunter2"}, "amount": "hunter2"}).encode())
    assert answer.status == 422
    assert b"hunter2" not in answer.body


async def test_ten_thousand_unknown_fields_make_a_short_answer(site: Site) -> None:
    """BAD-40"""
    answer = await site.post("/api/v1/greetings", json.dumps({"x" * 1000 + str(number): 1 for number in range(500)}).encode())
    assert answer.status == 422
    assert len(answer.body) < 30_000


async def test_an_upload_has_a_limit_of_its_own(open_site: OpenSite) -> None:
    site = await open_site(max_upload_bytes=2_000_000)
    kind = "Content-Type: multipart/form-data; boundary=b"
    assert (await site.post("/api/v1/uploads", b"x" * 1_500_000, kind)).json == {"size_bytes": 1_500_000}
    problem_of(await site.post("/api/v1/uploads", b"x" * 2_000_001, kind), 413, "request.too_large")
    chunked = f"{2_000_001:x}\r\n".encode() + b"x" * 2_000_001 + b"\r\n0\r\n\r\n"
    problem_of(await site.ask(head("POST", "/api/v1/uploads", kind, "Transfer-Encoding: chunked") + chunked), 413, "request.too_large")


# Heads


async def test_a_long_url_is_414(site: Site) -> None:
    """BAD-19"""
    for path in ("/" + "a" * 65_536, "/?q=" + "a" * 65_536):
        problem_of(await site.get(path), 414, "request.url_too_long")


async def test_too_many_headers_are_431(site: Site) -> None:
    """BAD-18"""
    problem_of(await site.get("/api/v1/things/7", *(f"X-Header-{number}: x" for number in range(10_000))), 431, "request.headers_too_large")


async def test_a_large_header_is_431_even_when_it_never_ends(site: Site) -> None:
    """BAD-18"""
    problem_of(await site.get("/api/v1/things/7", "X-Large: " + "x" * 65_536), 431, "request.headers_too_large")
    unfinished = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 65_536
    problem_of(await site.ask(unfinished), 431, "request.headers_too_large")


async def test_a_head_that_does_not_arrive_is_given_up(open_site: OpenSite) -> None:
    site = await open_site(headers_timeout_seconds=0.2)
    problem_of(await site.ask(b"GET / HTTP/1.1\r\nHost: loc"), 408, "request.timeout")


async def test_a_head_that_does_not_arrive_on_a_used_connection_is_given_up(open_site: OpenSite) -> None:
    site = await open_site(headers_timeout_seconds=0.2)
    reader, writer = await site.connect()
    writer.write(head("GET", "/api/v1/things/7"))
    assert (await read_answer(reader)).status == 200
    writer.write(b"GET /api")
    problem_of(await read_answer(reader), 408, "request.timeout")
    writer.close()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(open_site: OpenSite) -> None:
    site = await open_site(headers_timeout_seconds=0.1)
    reader, writer = await site.connect()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize(
    "request_line", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n", b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n"]
)
async def test_what_is_not_http_is_400(site: Site, request_line: bytes) -> None:
    answer = await site.ask(request_line)
    assert answer.status in (400, 405)
    assert answer.headers["content-type"] == "application/problem+json"


# Hosts


# Errors and methods


@pytest.mark.parametrize("method", ["PUT", "POST", "TRACE", "PATCH", "OPTIONS"])
async def test_a_method_without_a_route_is_405_with_all_that_would_do(site: Site, method: str) -> None:
    """BAD-21"""
    answer = await site.get("/api/v1/things/7", method=method)
    problem_of(answer, 405, "request.method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET"


async def test_an_unknown_method_is_405(site: Site) -> None:
    """BAD-21"""
    answer = await site.get("/api/v1/things/7", method="FROBNICATE")
    problem_of(answer, 405, "request.method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_method_override_header_overrides_nothing(site: Site) -> None:
    """BAD-21"""
    answer = await site.get("/api/v1/things/7", "X-HTTP-Method-Override: DELETE")
    assert (answer.status, answer.json) == (200, {"id": 7})


@pytest.mark.parametrize(
    "path", ["//", "/api/v1//things/7", "/api/v1/things/7/", "/api/v1/Things/7", "/api/v1/things/7;x", "/api/v1/x/%2e%2e/things/7", "/nothing"]
)
async def test_a_path_that_is_not_the_canonical_one_is_no_route(site: Site, path: str) -> None:
    """BAD-23"""
    answer = await site.get(path)
    assert answer.status in (404, 422)


async def test_a_refusal_has_its_facts_and_its_retry_after(site: Site) -> None:
    assert problem_of(await site.get("/api/v1/poor"), 402, "test.too_poor")["needed_micros"] == 5
    slow = await site.get("/api/v1/slow")
    problem_of(slow, 429, "test.slow")
    assert slow.headers["retry-after"] == "2"


async def test_an_unforeseen_error_tells_nothing(site: Site) -> None:
    answer = await site.get("/api/v1/broken")
    problem = problem_of(answer, 500, "internal")
    assert "letters" not in answer.body.decode()
    assert "request id" in problem["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_error_that_must_not_be_shown_is_logged_and_internal(site: Site, log: Log) -> None:
    answer = await site.get("/api/v1/misconfigured")
    problem_of(answer, 500, "internal")
    assert b"PARLOR_X" not in answer.body
    await asyncio.wait_for(log.has("request failed"), 10)


async def test_an_answer_without_a_body_stays_without(site: Site) -> None:
    assert (await site.get("/api/v1/things/7", method="DELETE")).status == 204


async def test_a_connection_is_used_again_after_a_refusal(site: Site) -> None:
    reader, writer = await site.connect()
    for _ in range(3):
        writer.write(head("POST", "/api/v1/greetings", "Content-Length: 1", "Content-Type: application/json") + b"{")
        assert (await read_answer(reader)).status == 400
        writer.write(head("GET", "/api/v1/things/1"))
        assert (await read_answer(reader)).status == 200
    writer.close()


# Behind a server that checks less than ours


async def answer_to(headers: list[tuple[bytes, bytes]], path: str = "/api/v1/things/7", method: str = "GET", body: bytes = b"") -> int:
    """The status of the site for a request that comes without a socket."""
    app = make_site(ServerSettings())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers, "http_version": "1.1"}
    await app(scope, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize("lengths", [[b"-1"], [b"+5"], [b""], [b"5", b"5"], [b"1" * 20], [b"0x5"]])
async def test_the_gate_reads_lengths_itself(log: Log, lengths: list[bytes]) -> None:
    """BAD-16, SEC-31"""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), *((b"content-length", length) for length in lengths)]
    assert await answer_to(headers, "/api/v1/greetings", "POST", GREETING) == 400


async def test_the_gate_counts_heads_itself(log: Log) -> None:
    host = (b"host", b"localhost")
    assert await answer_to([host]) == 200
    assert await answer_to([host, *((b"x-%d" % number, b"x") for number in range(200))]) == 431
    assert await answer_to([host, (b"x-large", b"x" * 40_000)]) == 431
    assert await answer_to([host], "/" + "x" * 10_000) == 414


async def test_the_gate_counts_bodies_whatever_their_length_says(log: Log) -> None:
    """BAD-15: a server that does not hold a body to its length."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"5")]
    assert await answer_to(headers, "/api/v1/greetings", "POST", b" " * 1_100_000) == 413
