"""Cookies of browsers: out of the reach of scripts, and of no use to other people's pages."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer
from starlette.requests import Request
from starlette.responses import Response

from parlor.accounts import AuthSettings, SessionCookies
from parlor.accounts.errors import CrossOrigin
from parlor.core.web.settings import ServerSettings
from tests.accounts.conftest import PASSWORD, Register, bearer, make_app
from tests.support.clients import http_client

pytestmark = pytest.mark.either_engine

HERE = {"Origin": "http://127.0.0.1"}
LOGIN = {"login": "ann@example.com", "password": PASSWORD}


@pytest.fixture
async def browser(container: AsyncContainer, register: Register) -> AsyncIterator[httpx2.AsyncClient]:
    """It keeps cookies, and an account is there."""
    await register()
    transport = httpx2.ASGITransport(app=make_app(container))
    async with http_client(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def sign_in(browser: httpx2.AsyncClient) -> httpx2.Response:
    answer = await browser.post("/api/v1/auth/login?cookie=true", json=LOGIN, headers=HERE)
    assert answer.status_code == 200, answer.text
    return answer


def cookies_of(answer: httpx2.Response) -> dict[tuple[str, str], Morsel[str]]:
    """By name and path."""
    found: dict[tuple[str, str], Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        for name, morsel in SimpleCookie(line).items():
            found[name, morsel["path"]] = morsel
    return found


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("path", ["register", "login"])
async def test_the_tokens_are_in_cookies_and_nowhere_else(browser: httpx2.AsyncClient, path: str) -> None:
    """SEC-44"""
    body: dict[str, Any] = LOGIN if path == "login" else {"email": "bob@example.com", "password": PASSWORD}
    answer = await browser.post(f"/api/v1/auth/{path}?cookie=true", json=body, headers=HERE)
    assert set(answer.json()) == {"user"}
    cookies = cookies_of(answer)
    assert set(cookies) == {("parlor_access", "/"), ("parlor_refresh", "/api/v1/auth"), ("parlor_refresh", "/auth")}
    for morsel in cookies.values():
        assert morsel["httponly"]
        assert morsel["samesite"] == "lax"
        assert not morsel["domain"]
        assert morsel.value not in answer.text
    assert (await browser.get("/api/v1/auth/me")).json() == answer.json()["user"]


async def test_without_the_wish_no_cookie_is_set(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/api/v1/auth/login", json=LOGIN)
    assert "set-cookie" not in answer.headers
    assert set(answer.json()) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}


async def test_only_our_own_pages_change_something_with_a_cookie(browser: httpx2.AsyncClient) -> None:
    """SEC-44: a form, an image or a script of another site sends the cookie along, or a request without an Origin."""
    await sign_in(browser)
    change = {"display_name": "Ann"}
    assert (await browser.patch("/api/v1/auth/me", headers=HERE, json=change)).status_code == 200
    assert (await browser.patch("/api/v1/auth/me", headers={**HERE, "Sec-Fetch-Site": "same-origin"}, json=change)).status_code == 200
    refused: list[dict[str, str]] = [
        {}, {"Origin": "null"}, {"Origin": "https://127.0.0.1"}, {**HERE, "Sec-Fetch-Site": "cross-site"}, {**HERE, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"}, {"Referer": "http://127.0.0.1/"}, {"Origin": "http://127.0.0.1.evil.example"}, {"Origin": "http://evil.example"},
    ]  # fmt: skip
    for headers in refused:
        answer = await browser.patch("/api/v1/auth/me", headers=headers, json=change)
        assert answer.status_code == 403, headers
        assert answer.json()["code"] in ("auth.cross_origin", "request.foreign_origin")
    for path in ("/api/v1/auth/refresh?cookie=true", "/api/v1/auth/logout"):
        assert code_of(await browser.post(path)) == (403, "auth.cross_origin")
    assert (await browser.get("/api/v1/auth/me")).status_code == 200


async def test_a_bearer_counts_and_a_bad_one_is_not_rescued_by_a_cookie(browser: httpx2.AsyncClient, register: Register) -> None:
    await sign_in(browser)
    bob = await register("bob@example.com")
    assert (await browser.get("/api/v1/auth/me", headers=bearer(bob))).json()["id"] == str(bob.account.id)
    assert (await browser.patch("/api/v1/auth/me", json={"display_name": "Bob"}, headers=bearer(bob))).status_code == 200
    for bad in ("Bearer nonsense", "Basic eA==", "Bearer"):
        assert (await browser.get("/api/v1/auth/me", headers={"Authorization": bad})).status_code == 401


async def test_a_cookie_holds_an_access_token_and_nothing_else(browser: httpx2.AsyncClient, register: Register) -> None:
    bob = await register("bob@example.com")
    key = (await browser.post("/api/v1/api-keys", json={"name": "n"}, headers=bearer(bob))).json()["key"]
    for text in (key, bob.refresh_token, "nonsense", ""):
        assert (await browser.get("/api/v1/auth/me", headers={"Cookie": f"parlor_access={text}"})).status_code == 401
    planted = f"parlor_access={bob.access_token}"
    assert (await browser.get("/api/v1/auth/me", headers={"Cookie": planted})).status_code == 200
    assert (await browser.get("/api/v1/auth/me", headers={"Cookie": f"{planted}; {planted}"})).status_code == 401
    assert (await browser.get("/api/v1/auth/me", headers={"Cookie": f"__Host-{planted}"})).status_code == 401


async def test_a_refresh_renews_both_cookies(browser: httpx2.AsyncClient) -> None:
    before = {name: morsel.value for name, morsel in cookies_of(await sign_in(browser)).items()}
    answer = await browser.post("/api/v1/auth/refresh?cookie=true", headers=HERE)
    assert (answer.status_code, set(answer.json())) == (200, {"user"})
    after = {name: morsel.value for name, morsel in cookies_of(answer).items()}
    assert after.keys() == before.keys()
    assert after["parlor_refresh", "/auth"] == after["parlor_refresh", "/api/v1/auth"] != before["parlor_refresh", "/auth"]
    browser.cookies.clear()
    assert code_of(await browser.post("/api/v1/auth/refresh?cookie=true", headers=HERE)) == (401, "auth.invalid_refresh_token")
    assert code_of(await browser.post("/api/v1/auth/refresh", headers=HERE)) == (422, "request.invalid")


async def test_a_logout_ends_the_sign_in_and_clears_the_cookies(browser: httpx2.AsyncClient) -> None:
    access = cookies_of(await sign_in(browser))["parlor_access", "/"].value
    answer = await browser.post("/api/v1/auth/logout", headers=HERE)
    assert answer.status_code == 204
    assert {morsel["max-age"] for morsel in cookies_of(answer).values()} == {"0"}
    assert len(cookies_of(answer)) == 3
    assert code_of(await browser.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {access}"})) == (401, "auth.sign_in_ended")
    assert (await browser.post("/api/v1/auth/logout?cookie=true", headers=HERE)).status_code == 204


async def test_a_new_password_comes_back_in_cookies_to_whoever_came_with_them(browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    body = {"current_password": PASSWORD, "new_password": "another quiet river"}
    answer = await browser.post("/api/v1/auth/password", json=body, headers=HERE)
    assert (answer.status_code, set(answer.json())) == (200, {"user"})
    assert (await browser.get("/api/v1/auth/me")).status_code == 200


def request(url: str = "http://127.0.0.1:8000/x", method: str = "POST", **headers: str) -> Request:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    server = (host.partition(":")[0], 8000)
    return Request({"type": "http", "method": method, "scheme": scheme, "path": f"/{path}", "query_string": b"", "headers": sent, "server": server})


def test_over_https_the_names_bind_the_cookies_to_this_host() -> None:
    cookies, response = SessionCookies(ServerSettings(public_url="https://chat.example.com/parlor", aliases=False), AuthSettings()), Response()
    cookies.take(request(), response)
    sent = SimpleCookie()
    for value in response.headers.getlist("set-cookie"):
        sent.load(value)
    assert {name: (morsel["path"], bool(morsel["secure"])) for name, morsel in sent.items()} == {
        "__Host-parlor_access": ("/", True),
        "__Secure-parlor_refresh": ("/parlor/api/v1/auth", True),
    }


@pytest.mark.parametrize(
    ("settings", "headers", "may"),
    [
        ({"public_url": "https://chat.example.com"}, {"origin": "https://chat.example.com"}, True),
        ({"public_url": "https://chat.example.com"}, {"origin": "http://chat.example.com"}, False),
        ({"cors_origins": ("https://app.example.com",)}, {"origin": "https://app.example.com"}, False),
        ({"cors_origins": ("https://app.example.com",), "cors_credentials": True}, {"origin": "https://app.example.com", "sec_fetch_site": "same-site"}, True),
        ({"cors_origins": ("https://app.example.com",), "cors_credentials": True}, {"origin": "https://other.example.com"}, False),
        ({"allowed_hosts": ("*",)}, {"origin": "http://127.0.0.1:8000"}, True),
        ({}, {"origin": "http://127.0.0.1:8001"}, False),
    ],
)
def test_which_origins_are_ours(settings: dict[str, Any], headers: dict[str, str], may: bool) -> None:
    cookies = SessionCookies(ServerSettings(**settings), AuthSettings())
    cookies.require_own_origin(request(method="GET", **headers))
    if may:
        cookies.require_own_origin(request(**headers))
    else:
        with pytest.raises(CrossOrigin):
            cookies.require_own_origin(request(**headers))
