"""Who the client is behind proxies (SEC-43): the same address in the access log, in events and for limits."""

import pytest

from parlor.core.web.proxies import TrustedProxies
from tests.core.web.conftest import Log, OpenSite

PROXIES = ("10.0.0.0/8", "192.168.7.9/24", "2001:db8:aaaa::/48", "127.0.0.1")


def seen(peer: str, *forwarded_for: str, proto: str | None = None, trusted: tuple[str, ...] = PROXIES) -> tuple[str, str]:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded_for] + ([] if proto is None else [(b"x-forwarded-proto", proto.encode())])
    scope = {"type": "http", "client": (peer, 4711), "scheme": "http", "headers": headers}
    TrustedProxies(trusted).rewrite(scope)
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("203.0.113.5", ("198.51.100.1",), "203.0.113.5"),  # nobody asked it
        ("10.1.2.3", (), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),  # what a client put in front
        ("10.1.2.3", ("6.6.6.6, 198.51.100.1, 10.9.9.9",), "198.51.100.1"),  # a chain of ours
        ("10.1.2.3", ("6.6.6.6", "198.51.100.1", "10.9.9.9"), "198.51.100.1"),  # as several headers
        ("10.1.2.3", ("10.4.4.4, 10.9.9.9",), "10.4.4.4"),  # somebody within
        ("10.1.2.3", ("198.51.100.1, rubbish, 10.9.9.9",), "10.9.9.9"),
        ("10.1.2.3", ("",), "10.1.2.3"),
        ("10.1.2.3", ("rubbish" * 1000,), "10.1.2.3"),
        ("10.1.2.3", ("127.0.0.1",) * 1000, "127.0.0.1"),
        ("10.1.2.3", ("198.51.100.1:52110",), "198.51.100.1"),
        ("10.1.2.3", ("[2001:DB8::0001]:443",), "2001:db8::1"),
        ("10.1.2.3", ("2001:db8:0:0::1",), "2001:db8::1"),
        ("2001:db8:aaaa::1", ("2001:db8:bbbb::1",), "2001:db8:bbbb::1"),
        ("::ffff:10.1.2.3", ("::ffff:198.51.100.1",), "198.51.100.1"),  # IPv4 on a socket for both
        ("::ffff:203.0.113.5", ("198.51.100.1",), "203.0.113.5"),
        ("192.168.7.200", ("198.51.100.1",), "198.51.100.1"),
        ("192.168.8.1", ("198.51.100.1",), "192.168.8.1"),
    ],
)
def test_only_a_trusted_proxy_says_who_the_client_is_and_only_of_the_one_before_it(peer: str, headers: tuple[str, ...], client: str) -> None:
    assert seen(peer, *headers)[0] == client
    assert seen(peer, *headers, trusted=())[0] == peer.removeprefix("::ffff:")


def test_only_a_trusted_proxy_says_which_scheme_the_client_used() -> None:
    assert seen("10.1.2.3", proto="https")[1] == "https"
    assert seen("10.1.2.3", proto="gopher")[1] == "http"
    assert seen("203.0.113.5", proto="https")[1] == "http"


async def test_the_log_has_the_client_and_nobody_else_can_choose_it(open_site: OpenSite, log: Log) -> None:
    spoofed = ("X-Forwarded-For: 6.6.6.6, 198.51.100.1", "X-Forwarded-Proto: https")
    behind, alone = await open_site(trusted_proxies=("127.0.0.1",)), await open_site()
    answer = await behind.get("/api/v1/things/7", *spoofed)
    assert "strict-transport-security" in answer.headers
    answer = await alone.get("/api/v1/things/7", *spoofed)
    assert "strict-transport-security" not in answer.headers
    await log.has("request")
    while len(log.lines("request")) < 2:
        log.stream.written.clear()
        await log.stream.written.wait()
    assert [line["client"] for line in log.lines("request")] == ["198.51.100.1", "127.0.0.1"]
