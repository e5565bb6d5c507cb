"""The pages behind mailed links in a real browser, against a real server that hands its mails to a real SMTP server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.support.clients import http_client
from tests.support.mail import MailServer, link_in, mail_server
from tests.support.server import ParlorServer, parlor_server

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PASSWORD, NEW = "a quiet river in may", "another river in june"
EMAIL = "ann@example.com"


@pytest.fixture
async def relay() -> AsyncIterator[MailServer]:
    async with mail_server() as relay:
        yield relay


@pytest.fixture
async def server(tmp_path: Path, relay: MailServer) -> AsyncIterator[ParlorServer]:
    settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(relay.port), "SMTP_SECURITY": "none", "FROM": "Chat <chat@example.com>"}
    environ = {f"PARLOR_AUTH__MAIL__{name}": value for name, value in settings.items()}
    async with parlor_server(tmp_path, f"sqlite:///{tmp_path}/parlor.db", "http://127.0.0.1:9/v1", **environ) as server:
        yield server


@pytest.fixture
async def page(browser: "Browser") -> "Page":
    page = await browser.new_page()
    page.set_default_timeout(20_000)
    return page


async def post(server: ParlorServer, path: str, **body: Any) -> httpx2.Response:
    async with http_client() as client:
        return await client.post(f"{server.base_url}/api/v1/auth/{path}", json=body)


async def newest_link(server: ParlorServer, relay: MailServer, count: int) -> str:
    """The server was started on a port that its settings do not know, so the link is moved to it."""
    await relay.has_taken(count)
    path = link_in(relay.mails[-1]).partition("://")[2].partition("/")[2]
    return f"{server.base_url}/{path}"


async def test_an_address_is_confirmed_and_a_password_replaced(server: ParlorServer, relay: MailServer, page: "Page") -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    assert (await post(server, "register", email=EMAIL, password=PASSWORD)).json()["user"]["email_verified"] is False
    link = await newest_link(server, relay, 1)
    await page.goto(link)
    assert page.url == f"{server.base_url}/verify-email", "the token has left the address bar"
    await page.click("#send")
    await page.wait_for_selector("#done:not([hidden])")
    assert await page.text_content("#who") == EMAIL
    assert (await post(server, "login", login=EMAIL, password=PASSWORD)).json()["user"]["email_verified"] is True

    await post(server, "password/forgot", email=EMAIL)
    link = await newest_link(server, relay, 2)
    await page.goto(link)
    await page.fill("#password", NEW)
    await page.fill("#repeated", "something else")
    await page.click("#send")
    assert await page.text_content("#problem") == "The two passwords differ."
    await page.fill("#repeated", NEW)
    await page.click("#send")
    await page.wait_for_selector("#done:not([hidden])")
    assert await page.text_content("#who") == EMAIL
    assert complaints == []
    assert [(await post(server, "login", login=EMAIL, password=each)).status_code for each in (PASSWORD, NEW)] == [401, 200]
    assert link.partition("#")[2] not in server.log


async def test_a_used_link_and_half_a_link_say_so(server: ParlorServer, relay: MailServer, page: "Page") -> None:
    await post(server, "register", email=EMAIL, password=PASSWORD)
    link = await newest_link(server, relay, 1)
    assert (await post(server, "verify-email", token=link.partition("#")[2])).status_code == 200
    await page.goto(link)
    await page.click("#send")
    await page.locator("#problem", has_text="ask for a new one").wait_for()
    for name in ("verify-email", "reset-password"):
        await page.goto(f"{server.base_url}/{name}")
        await page.wait_for_selector("#missing:not([hidden])")
        assert not await page.is_visible("#form")


async def test_a_mail_server_that_is_down_is_waited_for(server: ParlorServer, relay: MailServer) -> None:
    await relay.stop()
    made = await post(server, "register", email=EMAIL, password=PASSWORD)
    assert made.status_code == 201
    assert (await post(server, "login", login=EMAIL, password=PASSWORD)).status_code == 200
    assert relay.mails == []
    await relay.start()
    assert "/verify-email#" in await newest_link(server, relay, 1)
    assert len(relay.mails) == 1
