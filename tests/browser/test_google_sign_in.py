"""Signing in with Google as a person does it: a real browser, a real server, and a provider on another port of this machine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.openid import CLIENT_ID, CLIENT_SECRET, OpenIdServer, run_openid_server
from tests.support.server import ParlorServer, parlor_server
from tests.support.servers import free_port

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

WAIT_MILLISECONDS = 20_000
ME = "fetch('/api/v1/auth/me').then(answer => answer.json())"


@pytest.fixture
def google() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        server.shows_a_page = True
        yield server


@pytest.fixture
async def server(tmp_path: Path, google: OpenIdServer) -> AsyncIterator[ParlorServer]:
    settings = {
        "PARLOR_SERVER__PORT": str(free_port()),
        "PARLOR_AUTH__GOOGLE__CLIENT_ID": CLIENT_ID,
        "PARLOR_AUTH__GOOGLE__CLIENT_SECRET": CLIENT_SECRET,
        "PARLOR_AUTH__GOOGLE__ISSUER": google.issuer,
    }
    async with parlor_server(tmp_path, f"sqlite:///{tmp_path}/parlor.db", "http://127.0.0.1:9/v1", **settings) as server:
        google.redirect_uris.add(f"{server.base_url}/api/v1/auth/google/callback")
        yield server


@pytest.fixture
async def page(browser: "Browser") -> "Page":
    page = await browser.new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    return page


async def test_a_person_agrees_and_is_signed_in_where_they_wanted_to_go(server: ParlorServer, page: "Page") -> None:
    await page.goto(f"{server.base_url}/api/v1/auth/google/start?next=/docs")
    await page.click("#allow")
    await page.wait_for_url(f"{server.base_url}/docs")
    me = await page.evaluate(ME)
    assert (me["email"], me["email_verified"]) == ("ann@example.com", True)
    assert await page.evaluate("document.cookie") == ""
    cookies = {each["name"]: each for each in await page.context.cookies()}
    assert {"parlor_access", "parlor_refresh", "parlor_sign_in"} <= set(cookies)
    assert all(each["httpOnly"] and each["sameSite"] == "Lax" for each in cookies.values())


async def test_a_person_who_cancels_comes_back_and_is_nobody(server: ParlorServer, page: "Page") -> None:
    await page.goto(f"{server.base_url}/api/v1/auth/google/start?next=/docs")
    await page.click("#deny")
    await page.wait_for_url(f"{server.base_url}/docs?*")
    assert urlsplit(page.url).query == "sign_in_error=auth.sign_in_refused"
    assert (await page.evaluate(ME))["code"] == "auth.unauthenticated"


async def test_a_link_that_somebody_else_began_signs_nobody_in(server: ParlorServer, page: "Page", browser: "Browser") -> None:
    """Login CSRF: the attacker agrees as themselves and sends the victim the address that comes back."""
    await page.goto(f"{server.base_url}/api/v1/auth/google/start?next=/docs")
    link = await page.get_attribute("#allow", "href")
    assert link is not None
    victim = await browser.new_page()
    answer = await victim.goto(link)
    assert answer is not None
    assert answer.status == 401
    assert await victim.context.cookies() == []
