"""Where people reach the server."""

import pytest
from pydantic import ValidationError

from parlor.core.settings import RootSettings
from parlor.core.web.settings import ServerSettings
from tests.core.web.conftest import OpenSite, head

PRODUCTION = RootSettings(environment="production")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("https://chat.example.com/", "https://chat.example.com"),
        ("HTTPS://Chat.Example.com:443//", "https://chat.example.com"),
        ("https://example.com/parlor/", "https://example.com/parlor"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_spelling(given: str, kept: str) -> None:
    settings = ServerSettings(public_url=given)
    assert (settings.public_url, settings.base_url()) == (kept, kept)


@pytest.mark.parametrize(
    "wrong",
    [
        "chat.example.com", "ftp://chat.example.com", "//chat.example.com", "https://", "https:///x", "https://user@example.com", "https://u:p@example.com",
        "https://example.com?x=1", "https://example.com#x", "https://example.com/a b", "https://example.com/a/../b", "https://example.com//a",
        "https://example.com/\r\nBcc: x", "https://exa mple.com", "https://bücher.example", "https://example.com:99999", "https://[::1", "https://...", "",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ServerSettings(public_url=wrong)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000")],
)
def test_without_one_links_lead_to_where_the_server_listens(host: str, expected: str) -> None:
    assert ServerSettings(host=host).base_url() == expected


def test_production_refuses_links_in_the_open_and_warns_of_links_to_itself() -> None:
    assert "https://" in next(iter(ServerSettings(public_url="http://chat.example.com").refusals(PRODUCTION)))
    for url in (None, "http://localhost:8000", "http://127.0.0.1:8000"):
        settings = ServerSettings(public_url=url)
        assert list(settings.refusals(PRODUCTION)) == []
        assert ["PARLOR_SERVER__PUBLIC_URL" in each for each in settings.warnings(PRODUCTION)] == [True]
    good = ServerSettings(public_url="https://chat.example.com")
    assert [*good.refusals(PRODUCTION), *good.warnings(PRODUCTION), *ServerSettings().warnings(RootSettings())] == []


async def test_whoever_follows_a_link_is_answered(open_site: OpenSite) -> None:
    site = await open_site(public_url="https://chat.example.com/parlor")
    for host, status in {"chat.example.com": 200, "chat.example.com:443": 200, "other.example.com": 400}.items():
        assert (await site.ask(head("GET", "/api/v1/things/7", host=host))).status == status, host
