"""The documentation in a real browser: the policy of the page must not stand in the way of its own files."""

from typing import TYPE_CHECKING

from parlor.core.web.docs import docs_router
from parlor.core.web.routing import HouseRouter
from parlor.core.web.settings import ServerSettings
from tests.core.web.conftest import Log, make_site, serve

if TYPE_CHECKING:
    from playwright.async_api import Browser


async def test_swagger_ui_shows_the_operations_and_asks_no_other_site(browser: "Browser", log: Log) -> None:
    app = make_site(ServerSettings())
    assert isinstance(app.router, HouseRouter)
    app.router.adopt(docs_router("A site"), "")
    async with serve(app, ServerSettings()) as port:
        page = await browser.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"http://127.0.0.1:{port}/docs")
        await page.locator(".opblock").first.wait_for()
        assert await page.locator(".opblock").count() > 5
        assert [url for url in asked if not url.startswith((f"http://127.0.0.1:{port}/", "data:"))] == []
        assert complaints == []
        await page.close()
