"""User-supplied URLs reach the public internet and nothing else: a corpus, and a listener that nobody may connect to."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from parlor.core.outbound import Outbound, OutboundSettings, Refused, Unreachable, parse_url
from parlor.core.outbound.addresses import is_public
from parlor.core.outbound.urls import follow
from tests.core.outbound.conftest import Open, Site

# {port} is the canary's. Each of these once got through somebody's gate.
CORPUS = """
http://127.0.0.1:{port}/
http://localhost:{port}/
http://LOCALHOST:{port}/
http://localhost.:{port}/
http://127.1:{port}/
http://127.0.1:{port}/
http://127.255.255.254:{port}/
http://0:{port}/
http://0.0.0.0:{port}/
http://2130706433:{port}/
http://0x7f000001:{port}/
http://0x7f.0.0.1:{port}/
http://0177.0.0.1:{port}/
http://017700000001:{port}/
http://127.0.0.1.:{port}/
http://[::1]:{port}/
http://[::]:{port}/
http://[0:0:0:0:0:0:0:1]:{port}/
http://[::ffff:127.0.0.1]:{port}/
http://[::ffff:7f00:1]:{port}/
http://[::127.0.0.1]:{port}/
http://[64:ff9b::7f00:1]:{port}/
http://[64:ff9b:1::7f00:1]:{port}/
http://[2002:7f00:1::]:{port}/
http://[2001:0:7f00:1::]:{port}/
http://[fe80::1]:{port}/
http://[fe80::1%25lo]:{port}/
http://[fec0::1]:{port}/
http://[fc00::1]:{port}/
http://[fd00:ec2::254]:{port}/
http://[ff02::1]:{port}/
http://[::ffff:a9fe:a9fe]:{port}/latest/meta-data/
http://169.254.169.254:{port}/latest/meta-data/
http://169.254.170.2:{port}/
http://100.64.0.1:{port}/
http://100.100.100.200:{port}/
http://168.63.129.16:{port}/
http://192.0.0.8:{port}/
http://192.0.0.192:{port}/
http://10.0.0.1:{port}/
http://172.16.0.1:{port}/
http://172.31.255.255:{port}/
http://192.168.1.1:{port}/
http://198.18.0.1:{port}/
http://224.0.0.1:{port}/
http://255.255.255.255:{port}/
http://127.0.0.1:{port}\\@1.1.1.1/
http://1.1.1.1@127.0.0.1:{port}/
http://1.1.1.1:80@127.0.0.1:{port}/
http://user:password@127.0.0.1:{port}/
http://127.0.0.1:{port}#@1.1.1.1/
http://127.0.0.1:{port}?@1.1.1.1/
http://1.1.1.1 &@127.0.0.1:{port}#
http:/127.0.0.1:{port}/
http:127.0.0.1:{port}/
http:///127.0.0.1:{port}/
//127.0.0.1:{port}/
http:\\\\127.0.0.1:{port}\\
http://①②⑦.⓪.⓪.①:{port}/
http://127。0。0。1:{port}/
http://ｌｏｃａｌｈｏｓｔ:{port}/
http://loc\u00adalhost:{port}/
http://127.0.0.1\t:{port}/
http://127.0.0.1%00:{port}/
http://127%2e0%2e0%2e1:{port}/
http://[::1:{port}/
http://::1:{port}/
http://-:{port}/
http://..:{port}/
http://a..b:{port}/
http://inside.test:{port}/
http://half-inside.test:{port}/
http://INSIDE.test:{port}/
ftp://127.0.0.1:{port}/
file:///etc/passwd
gopher://127.0.0.1:{port}/_x
data:text/plain,hello
javascript:alert(1)
unix:///var/run/docker.sock
http://127.0.0.1:{port}0000/
http://127.0.0.1:0/
http://127.0.0.1:-1/
http://
https://
""".strip("\n").split("\n")
CORPUS.append("http://127.0.0.1\n:{port}/")

NAMES = {"inside.test": ["127.0.0.1"], "half-inside.test": ["1.1.1.1", "127.0.0.1"], "localhost": ["127.0.0.1", "::1"], "localhost.": ["127.0.0.1"]}


@pytest.mark.parametrize("url", CORPUS)
async def test_nothing_of_the_corpus_reaches_the_inside(door: Open, canary: Site, url: str) -> None:
    with pytest.raises(Refused):
        async with door(ports=(80, 443, canary.port), names=NAMES).guarded("GET", url.replace("{port}", str(canary.port))):
            pass


@pytest.mark.parametrize("url", [url for url in CORPUS if "inside.test" not in url])
async def test_nor_with_the_names_of_this_machine(door: Open, canary: Site, url: str) -> None:
    with pytest.raises((Refused, Unreachable)):
        async with door(ports=(80, 443, canary.port)).guarded("GET", url.replace("{port}", str(canary.port))):
            pass


async def test_the_canary_would_sing(door: Open, site: Site) -> None:
    """The corpus proves something only because the same door reaches the same listener once it is allowed to."""
    async with door("127.0.0.1").guarded("GET", site.url) as reply:
        assert await reply.read_all(10) == b"ok"
    assert site.connections == 1


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:{port}"])
async def test_an_allowed_address_is_reached_by_name_and_by_number(door: Open, site: Site, entry: str) -> None:
    outbound = door(entry.replace("{port}", str(site.port)), names={"inside.test": ["127.0.0.1"]})

    for host in ("127.0.0.1", "inside.test"):
        async with outbound.guarded("GET", f"http://{host}:{site.port}/") as reply:
            assert reply.status == 200


async def test_an_allowed_host_is_reached_and_the_request_names_it(door: Open, site: Site) -> None:
    async with door("Inside.test", names={"inside.test": ["127.0.0.1"]}).guarded("GET", f"http://inside.test:{site.port}/a?b=c#d") as reply:
        assert reply.status == 200

    assert site.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"host: inside.test:{site.port}".encode() in site.requests[0].lower()


async def test_an_allowed_host_opens_no_other(door: Open, canary: Site) -> None:
    outbound = door("inside.test", "127.0.0.1:1", ports=(canary.port,), names={"inside.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})

    for host in ("other.test", "127.0.0.1", "sub.inside.test.127.0.0.1"):
        with pytest.raises(Refused):
            async with outbound.guarded("GET", f"http://{host}:{canary.port}/"):
                pass


async def test_a_public_host_is_called_on_listed_ports_only() -> None:
    gate = Outbound(OutboundSettings(), _always("93.184.216.34")).gate

    assert await gate.addresses_of("example.com", 443) == ["93.184.216.34"]
    for port in (22, 25, 6379, 5432):
        with pytest.raises(Refused, match="Port"):
            await gate.addresses_of("example.com", port)


async def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_that_is_called(site: Site) -> None:
    """Rebinding: the second look-up would give another address."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    outbound = Outbound(OutboundSettings(allow=("127.0.0.1",)), resolve)
    try:
        async with outbound.guarded("GET", f"http://rebinding.test:{site.port}/") as reply:
            assert await reply.read_all(10) == b"ok"
    finally:
        await outbound.close()
    assert asked == ["rebinding.test"]
    assert site.connections == 1


async def test_a_host_without_an_address_is_unreachable(door: Open) -> None:
    with pytest.raises(Unreachable):
        async with door(names={}).guarded("GET", "http://nowhere.test/"):
            pass
    with pytest.raises(Unreachable):
        async with door(names={"empty.test": []}).guarded("GET", "http://empty.test/"):
            pass
    with pytest.raises(Refused):
        async with door(names={"odd.test": ["not an address"]}).guarded("GET", "http://odd.test/"):
            pass


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fec0::1",
        "192.0.0.8",
        "100.64.0.1",
        "::ffff:1.1.1.1",
        "3fff::1",
        "5f00::1",
        "100::1",
        "2001:db8::1",
        "fe80::1%lo",
        "240.0.0.1",
    ],
)
def test_special_addresses_are_not_public_whatever_ipaddress_says(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://example.com", "example.com", 80),
        ("HTTPS://Example.COM:8443/path?x=[1]&y=ü", "example.com", 8443),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80),
        ("http://a_b-c.example/#frag", "a_b-c.example", 80),
    ],
)
def test_ordinary_urls_are_read(url: str, host: str, port: int) -> None:
    target = parse_url(url)

    assert (target.host, target.port) == (host, port)
    assert "#" not in target.url


def test_a_redirect_may_not_lead_from_https_to_http() -> None:
    secure = parse_url("https://example.com/a/b?c")

    assert follow(secure, "../d").url == "https://example.com/d"
    assert follow(secure, "//other.example/e").origin == ("https", "other.example", 443)
    for location in ("http://example.com/", "javascript:alert(1)", "https://user@example.com/"):
        with pytest.raises(Refused):
            follow(secure, location)


def test_a_url_of_any_length_is_not_read() -> None:
    with pytest.raises(Refused, match="longer"):
        parse_url("http://example.com/" + "a" * 10_000)


@pytest.mark.parametrize("allow", ["*", "10.0.0.0/8", "*.example.com"])
def test_what_is_allowed_is_exact(allow: str) -> None:
    with pytest.raises(ValueError, match="exact"):
        OutboundSettings(allow=(allow,))


def test_a_list_in_one_string_is_split() -> None:
    assert OutboundSettings.model_validate({"allow": "10.0.0.5, Intranet.Example"}).allow == ("10.0.0.5", "intranet.example")


def _always(address: str):
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [address]

    return resolve
