"""Who may call at all: hosts, origins, and what other pages are told."""

import pytest

from tests.core.web.conftest import OpenSite, Site, head, problem_of

GREETING = b'{"name": "Ada"}'


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000", "localhost."])
async def test_loopback_names_are_answered(site: Site, host: str) -> None:
    assert (await site.ask(head("GET", "/api/v1/things/7", host=host))).status == 200


@pytest.mark.parametrize(
    "host", ["a/b?", "a b", "user@localhost", "local\thost", "[::1", "::1", "localhost:", "localhost:x", "-bad", "[zz]", "ä", "localhost,evil.example"]
)
async def test_a_host_that_is_none_is_400(site: Site, host: str) -> None:
    """BAD-22"""
    answer = await site.ask(head("GET", "/api/v1/things/7", host=host))
    assert answer.status == 400


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.3", "[2001:db8::1]"])
async def test_an_unknown_host_is_refused(site: Site, host: str) -> None:
    """SEC-15"""
    problem_of(await site.ask(head("GET", "/api/v1/things/7", host=host)), 400, "request.unknown_host")


async def test_two_hosts_or_none_are_400(site: Site) -> None:
    """BAD-22"""
    problem_of(await site.get("/api/v1/things/7", "Host: localhost"), 400, "request.bad_host")
    problem_of(await site.ask(head("GET", "/api/v1/things/7", host="")), 400, "request.bad_host")


async def test_an_http_1_0_client_needs_no_host(site: Site) -> None:
    """BAD-87"""
    answer = await site.ask(b"GET /api/v1/things/7 HTTP/1.0\r\n\r\n")
    assert (answer.status, answer.json) == (200, {"id": 7})


async def test_allowed_hosts_are_names_and_subdomains(open_site: OpenSite) -> None:
    site = await open_site(allowed_hosts=("chat.example.com", "*.example.org"))
    for host, status in {"chat.example.com": 200, "CHAT.example.com:443": 200, "a.example.org": 200, "example.org": 400, "aexample.org": 400}.items():
        assert (await site.ask(head("GET", "/api/v1/things/7", host=host))).status == status, host
    open_to_all = await open_site(allowed_hosts=("*",))
    assert (await open_to_all.ask(head("GET", "/api/v1/things/7", host="any.example"))).status == 200


async def test_a_server_on_all_addresses_answers_to_the_one_that_was_called(open_site: OpenSite) -> None:
    site = await open_site(host="0.0.0.0")
    assert (await site.ask(head("GET", "/api/v1/things/7", host=f"127.0.0.1:{site.port}"))).status == 200
    assert (await site.ask(head("GET", "/api/v1/things/7", host="0.0.0.0"))).status == 400


# Origins


async def test_a_page_of_another_origin_changes_nothing(site: Site) -> None:
    """SEC-15"""
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://localhost:1"):
        problem_of(await site.post("/api/v1/greetings", GREETING, f"Origin: {origin}"), 403, "request.foreign_origin")
        assert (await site.get("/api/v1/things/7", f"Origin: {origin}")).status == 200


async def test_a_page_of_our_own_may_change_things(open_site: OpenSite) -> None:
    site = await open_site(allowed_hosts=("chat.example.com",))
    for origin in ("http://localhost", "https://localhost", "https://chat.example.com"):
        assert (await site.post("/api/v1/greetings", GREETING, f"Origin: {origin}")).status == 200


async def test_only_listed_origins_are_told_that_they_may_read(open_site: OpenSite) -> None:
    """SEC-45"""
    site = await open_site(cors_origins=("https://chat.example.com",), cors_credentials=True)
    known = await site.post("/api/v1/greetings", GREETING, "Origin: https://chat.example.com")
    assert known.headers["access-control-allow-origin"] == "https://chat.example.com"
    assert known.headers["access-control-allow-credentials"] == "true"
    unknown = await site.get("/api/v1/things/7", "Origin: https://evil.example")
    assert not [name for name in unknown.headers if name.startswith("access-control-allow-origin")]
    preflight = await site.get("/api/v1/greetings", "Origin: https://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS")
    assert preflight.status == 400


async def test_with_a_wildcard_any_page_may_call_without_credentials(open_site: OpenSite) -> None:
    site = await open_site(cors_origins=("*",))
    answer = await site.post("/api/v1/greetings", GREETING, "Origin: https://any.example")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
