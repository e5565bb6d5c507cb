"""The set-up page in a real browser, against a real server."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.server import ParlorServer, parlor_server

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PASSWORD = "a quiet river in may"
WAIT_MILLISECONDS = 20_000
_LINK = re.compile(r"http://\S+/setup#\S+")


@dataclass
class Visit:
    """A page, and all that it asked for and complained about."""

    page: "Page"
    requests: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ParlorServer]:
    async with parlor_server(tmp_path, f"sqlite:///{tmp_path}/parlor.db", "http://127.0.0.1:9/v1") as server:
        yield server


@pytest.fixture
async def link(server: ParlorServer) -> str:
    code, said = await server.run("users", "setup-link", "--base-url", server.base_url)
    found = _LINK.search(said)
    assert code == 0
    assert found is not None, said
    return found[0]


@pytest.fixture
async def visit(browser: "Browser") -> Visit:
    page = await browser.new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    visit = Visit(page)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    return visit


async def _fill(page: "Page", email: str, password: str, repeated: str | None = None) -> None:
    await page.fill("#email", email)
    await page.fill("#password", password)
    await page.fill("#repeated", password if repeated is None else repeated)
    await page.click("#send")


async def test_a_person_becomes_the_administrator(server: ParlorServer, link: str, visit: Visit) -> None:
    page = visit.page
    await page.goto(link)
    assert await page.evaluate("document.activeElement.id") == "email"
    await _fill(page, "root@example.com", PASSWORD)
    await page.wait_for_selector("#done:not([hidden])")
    assert await page.text_content("#who") == "root@example.com"
    assert not await page.is_visible("#form")
    assert visit.complaints == []
    assert await page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length + document.cookie.length") == 0
    code, said = await server.run("users", "list", "--json")
    assert (code, '"admin"' in said) == (0, True)


async def test_the_token_leaves_no_trace(server: ParlorServer, link: str, visit: Visit) -> None:
    token = link.partition("#")[2]
    await visit.page.goto(link)
    assert visit.page.url == f"{server.base_url}/setup"
    assert {urlsplit(url).netloc for url in visit.requests if not url.startswith("data:")} == {urlsplit(server.base_url).netloc}
    assert not any(token in urlsplit(url)._replace(fragment="").geturl() for url in visit.requests)
    await _fill(visit.page, "root@example.com", PASSWORD)
    await visit.page.wait_for_selector("#done:not([hidden])")
    # At the start it was printed for the terminal; a second start shows no link any more.
    await server.kill()
    before = len(server.log)
    await server.start()
    assert token not in server.log[before:]
    assert "setup" not in server.log[before:]


async def test_what_is_wrong_is_said_and_can_be_mended(link: str, visit: Visit) -> None:
    page = visit.page
    await page.goto(link)
    await _fill(page, "root@example.com", PASSWORD, "another one")
    assert await page.text_content("#problem") == "The two passwords differ."
    await _fill(page, "root@example.com", "password123")
    await page.locator("#problem", has_text="everybody").wait_for()  # no function: the page forbids eval
    await _fill(page, "root@example.com", PASSWORD)
    await page.wait_for_selector("#done:not([hidden])")


async def test_a_link_without_or_with_a_wrong_token_makes_nobody(server: ParlorServer, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{server.base_url}/setup")
    await page.wait_for_selector("#missing:not([hidden])")
    assert not await page.is_visible("#form")
    await page.goto(f"{server.base_url}/setup?again#token=%E0%A4<img src=x onerror=alert(1)>")
    await _fill(page, "root@example.com", PASSWORD)
    await page.wait_for_selector("#problem:not([hidden])")
    assert "set-up link" in (await page.text_content("#problem") or "")
    code, said = await server.run("users", "list", "--json")
    assert (code, said.strip()) == (0, "[]")


async def test_a_used_link_says_that_there_is_an_administrator(link: str, visit: Visit, browser: "Browser") -> None:
    first, second = visit.page, await browser.new_page()
    await first.goto(link)
    await second.goto(link)
    await _fill(first, "root@example.com", PASSWORD)
    await first.wait_for_selector("#done:not([hidden])")
    await _fill(second, "other@example.com", PASSWORD)
    await second.wait_for_selector("#problem:not([hidden])")
    assert "administrator already" in (await second.text_content("#problem") or "")
