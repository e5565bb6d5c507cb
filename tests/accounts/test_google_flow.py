"""The code flow through a browser: state, nonce and PKCE, each once, and nowhere else to in the end than here (BAD-54, SEC-41)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import AuthSettings
from parlor.accounts.jobs import Pruning
from parlor.core.clock import Clock
from parlor.testing import ManualClock
from tests.accounts.conftest import Build, make_client
from tests.accounts.openid import CALLBACK, count_accounts, count_flows, with_google
from tests.support.clients import http_client
from tests.support.openid import OpenIdServer, run_openid_server

pytestmark = pytest.mark.either_engine

COOKIE = "parlor_sign_in"


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        yield server


@pytest.fixture
def google(running: OpenIdServer) -> OpenIdServer:
    fresh = OpenIdServer(running.port)
    running.person, running.keys, running.asked = fresh.person, fresh.keys, fresh.asked
    running.redirect_uris = {CALLBACK}
    running.heal()
    return running


@pytest.fixture
def container(build: Build, auth_settings: AuthSettings, google: OpenIdServer) -> AsyncContainer:
    return build(with_google(auth_settings, google))


@pytest.fixture
async def client(container: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser: it keeps cookies."""
    async with make_client(container) as client:
        yield client


async def begin(client: httpx2.AsyncClient, next_path: str = "/chat") -> str:
    """Where the browser is sent."""
    answer = await client.get("/auth/google/start", params={"next": next_path})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def agree(url: str) -> str:
    """Where the provider sends it back to, below /api/v1."""
    async with http_client() as wire:
        answer = await wire.get(url)
    assert answer.status_code == 302, answer.text
    location: str = answer.headers["location"]
    assert location.startswith(CALLBACK + "?")
    return location.partition("/api/v1")[2]


async def come_back(client: httpx2.AsyncClient, path: str, status: int = 200, code: str | None = None) -> httpx2.Response:
    answer = await client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    return answer


async def test_a_browser_goes_there_and_comes_back_signed_in(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    answer = await client.get("/auth/google/start", params={"next": "/chat"})
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert {name: asked[name] for name in ("response_type", "code_challenge_method", "redirect_uri")} == {
        "response_type": ["code"],
        "code_challenge_method": ["S256"],
        "redirect_uri": [CALLBACK],
    }
    cookie = answer.headers["set-cookie"]
    assert all(each in cookie for each in (f"{COOKIE}=", "HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"))
    assert client.cookies[COOKIE] not in answer.headers["location"]
    session = (await come_back(client, await agree(answer.headers["location"]))).json()
    assert session["user"]["email"] == "ann@example.com"
    me = await client.get("/auth/me", headers={"Authorization": f"Bearer {session['access_token']}"})
    assert me.status_code == 200


async def test_a_browser_is_sent_on_with_cookies(client: httpx2.AsyncClient) -> None:
    answer = await client.get(await agree(await begin(client, "/chat?session=1#top")), headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/chat?session=1#top")
    me = await client.get("/auth/me")
    assert (me.status_code, me.json()["email"]) == (200, "ann@example.com")


async def test_a_browser_that_comes_back_with_nothing_learns_why_where_it_wanted_to_go(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    google.trouble.claims = {"aud": "another"}
    answer = await client.get(await agree(await begin(client, "/chat?session=1#top")), headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/chat?session=1&sign_in_error=auth.invalid_id_token#top")
    assert (await client.get("/auth/me")).status_code == 401


async def test_an_id_token_opens_a_cookie_session_too(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    answer = await client.post("/auth/google?cookie=true", json={"id_token": google.token()})
    assert (answer.status_code, list(answer.json())) == (200, ["user"])
    assert (await client.get("/auth/me")).status_code == 200


async def test_two_tabs_of_one_browser_sign_in_beside_each_other(client: httpx2.AsyncClient) -> None:
    first, second = await begin(client), await begin(client)
    await come_back(client, await agree(first))
    await come_back(client, await agree(second))


async def test_what_comes_back_works_once(client: httpx2.AsyncClient, container: AsyncContainer) -> None:
    path = await agree(await begin(client))
    answers = await asyncio.gather(*(client.get(path, headers={"Accept": "application/json"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 9]
    assert await count_flows(container) == 0


async def test_another_browser_cannot_finish_what_this_one_began(client: httpx2.AsyncClient, container: AsyncContainer) -> None:
    """Login CSRF: an attacker's link signs nobody else in as the attacker."""
    path = await agree(await begin(client))
    async with make_client(container) as other:
        await come_back(other, path, 401, "auth.invalid_sign_in_flow")
        await begin(other)
        await come_back(other, path, 401, "auth.invalid_sign_in_flow")
    await come_back(client, path)


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?code=y", "?state=&code=", "?state=%00&code=y", "?error=access_denied", f"?state={'x' * 4000}"])
async def test_what_nobody_began_is_refused(client: httpx2.AsyncClient, google: OpenIdServer, query: str) -> None:
    await begin(client)
    await come_back(client, f"/auth/google/callback{query}", 401, "auth.invalid_sign_in_flow")
    assert google.count("/token") == 0


@pytest.mark.parametrize("change", ["code=another", "code=", "error=access_denied", "iss=https%3A%2F%2Fevil.example.com"])
async def test_what_the_provider_does_not_stand_for_is_refused(client: httpx2.AsyncClient, container: AsyncContainer, change: str) -> None:
    name = change.partition("=")[0]
    path, _, query = (await agree(await begin(client))).partition("?")
    kept = [each for each in query.split("&") if not each.startswith(f"{name}=")]
    await come_back(client, f"{path}?{'&'.join([*kept, change])}", 401, "auth.sign_in_refused")
    assert await count_accounts(container) == 0


async def test_a_code_that_was_used_elsewhere_is_refused(client: httpx2.AsyncClient) -> None:
    """Put into another sign-in of the same browser, it does not fit its PKCE challenge."""
    first, second = await agree(await begin(client)), await agree(await begin(client))
    code = parse_qs(urlsplit(first).query)["code"][0]
    state = parse_qs(urlsplit(second).query)["state"][0]
    await come_back(client, f"/auth/google/callback?state={state}&code={code}", 401, "auth.sign_in_refused")


@pytest.mark.parametrize("claims", [{"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, {"azp": "another"}])
async def test_an_id_token_that_was_not_made_for_this_sign_in_is_refused(
    client: httpx2.AsyncClient, google: OpenIdServer, container: AsyncContainer, claims: dict[str, str | None]
) -> None:
    path = await agree(await begin(client))
    google.trouble.claims = claims
    await come_back(client, path, 401, "auth.invalid_id_token")
    assert await count_accounts(container) == 0


UNSAFE = [
    "//evil.example.com", "/\\evil.example.com", "\\evil.example.com", "\\\\evil.example.com", "https://evil.example.com", "javascript:alert(1)", "evil", "",
    "/\t/evil.example.com", "/chat\r\nSet-Cookie: a=b", "/ /evil", "/chat\x00", "/a\\b", "/chät", "\u2028//evil", "/" + "x" * 2048,
]  # fmt: skip


@pytest.mark.parametrize("next_path", UNSAFE)
async def test_nobody_is_sent_to_another_place_in_the_end(client: httpx2.AsyncClient, container: AsyncContainer, next_path: str) -> None:
    answer = await client.get("/auth/google/start", params={"next": next_path})
    assert answer.status_code == 422, answer.text
    assert await count_flows(container) == 0


@pytest.mark.parametrize("next_path", ["/", "/chat?session=1&x=%2F%2F#top", "/a/b//c", "/.well-known/x"])
async def test_paths_of_our_own_are_fine(client: httpx2.AsyncClient, next_path: str) -> None:
    await begin(client, next_path)


class TestTime:
    @pytest.fixture
    def engine(self) -> str:
        """Postgres has a clock of its own that no test can move."""
        return "sqlite"

    @pytest.fixture
    def clock(self) -> Clock:
        return ManualClock()

    async def test_it_is_over_after_ten_minutes(self, client: httpx2.AsyncClient, container: AsyncContainer, clock: ManualClock, google: OpenIdServer) -> None:
        in_time, late = await agree(await begin(client)), await agree(await begin(client))
        now = int(clock.now().timestamp())
        google.trouble.claims = {"iat": now, "exp": now + 3600}
        clock.advance(599)
        await come_back(client, in_time)
        await begin(client)
        clock.advance(2)
        await come_back(client, late, 401, "auth.invalid_sign_in_flow")
        assert await count_flows(container) == 1
        clock.advance(600)
        await (await container.get(Pruning)).run({})
        assert await count_flows(container) == 0
