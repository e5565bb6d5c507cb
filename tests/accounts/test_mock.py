"""Mock mode: anybody on a developer's machine, and nobody anywhere else; and who may act for whom (API.md: `user_id`)."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from dishka import AsyncContainer
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from parlor.accounts import ActingDep, Administration, AuthSettings, CallerDep, Session
from parlor.accounts.mock import mock_checks
from parlor.config import load_settings
from parlor.core.errors import Misconfigured
from parlor.core.events import Event
from parlor.core.health import Status
from parlor.core.web.routing import Router
from parlor.module import discover
from tests.accounts.conftest import Build, Register, bearer, make_app, make_client
from tests.support.clients import http_client

pytestmark = pytest.mark.either_engine


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[str | None, Field(max_length=100)] = None
    content: str = "Hello"


def with_chat(container: AsyncContainer) -> FastAPI:
    """As the routes of chat and agents will be."""
    router = Router(prefix="/chat")

    @router.post("")
    async def ask(body: Question, caller: ActingDep) -> dict[str, Any]:
        return {"for": str(caller.account_id), "is_admin": caller.is_admin, "credential": caller.credential}

    @router.get("/own")
    async def own(caller: CallerDep) -> dict[str, Any]:
        return {"for": str(caller.account_id)}

    app = make_app(container)
    app.router.adopt(router, "/api/v1")  # type: ignore[attr-defined]  # it is a HouseRouter
    return app


@pytest.fixture
def mocking(build: Build, auth_settings: AuthSettings) -> AsyncContainer:
    return build(AuthSettings.model_validate({**auth_settings.model_dump(), "mode": "mock"}))


def client_of(container: AsyncContainer, host: str = "127.0.0.1", peer: str = "127.0.0.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=with_chat(container), client=(peer, 4711))
    return http_client(transport=transport, base_url=f"http://{host}/api/v1")


@pytest.fixture
async def mock(mocking: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(mocking) as client:
        yield client


async def test_a_name_is_somebody_wherever_it_stands(mock: httpx2.AsyncClient, told: list[Event]) -> None:
    by_body = await mock.post("/chat", json={"user_id": "ann"})
    by_query = await mock.post("/chat?user_id=ann", json={})
    by_header = await mock.get("/auth/me", headers={"X-User-ID": "ann"})
    assert by_body.json() == by_query.json() == {"for": by_header.json()["id"], "is_admin": False, "credential": "mock"}
    assert [each.name for each in told] == ["user.registered"]


async def test_accounts_that_are_there_are_found_by_id_address_and_username(mock: httpx2.AsyncClient, register: Register) -> None:
    session = await register(username="ann")
    for name in (str(session.account.id), "ANN@example.com", "Ann"):
        assert (await mock.get("/auth/me", params={"user_id": name})).json()["id"] == str(session.account.id)
    assert (await mock.get("/auth/me", headers=bearer(session))).json()["email"] == "ann@example.com"


async def test_without_a_name_nobody_is_meant(mock: httpx2.AsyncClient) -> None:
    for name in (None, "", " ", "a\x00b", "x" * 101):
        answer = await mock.get("/auth/me", params={"user_id": name} if name is not None else {})
        assert answer.status_code == 401
    assert (await mock.post("/chat", json={"user_id": ["ann"]})).status_code in (401, 422)


async def test_a_suspended_account_stays_suspended(mock: httpx2.AsyncClient, mocking: AsyncContainer, register: Register) -> None:
    session = await register()
    await (await mocking.get(Administration)).change(session.account.id, status="suspended")
    answer = await mock.get("/auth/me", params={"user_id": "ann@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.suspended")


async def test_a_bad_token_is_not_made_good_by_a_name(mock: httpx2.AsyncClient) -> None:
    for credential in ("x.y.z", "mock:ann", "\\x00mock:ann"):
        assert (await mock.get("/auth/me?user_id=ann", headers={"Authorization": f"Bearer {credential}"})).status_code == 401


async def test_other_machines_and_proxies_are_refused(mocking: AsyncContainer, mock: httpx2.AsyncClient) -> None:
    async with client_of(mocking, peer="192.0.2.7") as client:
        assert (await client.get("/auth/me?user_id=ann")).json()["code"] == "auth.mock_refused"
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert (await mock.get("/auth/me?user_id=ann", headers={name: "192.0.2.7"})).json()["code"] == "auth.mock_refused"
    async with client_of(mocking, host="chat.example.com") as client:
        assert (await client.get("/auth/me?user_id=ann")).json()["code"] == "auth.mock_refused"


async def test_a_name_means_nothing_where_mock_mode_is_off(container: AsyncContainer) -> None:
    async with make_client(container) as client:
        assert (await client.get("/auth/me?user_id=ann", headers={"X-User-ID": "ann"})).json()["code"] == "auth.unauthenticated"


async def test_user_id_is_ones_own_or_an_administrators_choice(container: AsyncContainer, register: Register, administrator: Session) -> None:
    ann, bob = await register(), await register("bob@example.com")
    async with client_of(container) as client:

        async def ask(session: Session, user_id: str | None) -> tuple[int, Any]:
            answer = await client.post("/chat", json={"user_id": user_id}, headers=bearer(session))
            body = answer.json()
            return answer.status_code, body.get("for", body.get("code"))

        own, other, missing = str(ann.account.id), str(bob.account.id), "01890000-0000-7000-8000-000000000000"
        assert await ask(ann, None) == await ask(ann, own) == await ask(ann, own.upper()) == (200, own)
        for name in (other, missing, "bob@example.com", "bob"):
            assert await ask(ann, name) == (403, "auth.not_your_user")
        assert await ask(administrator, other) == (200, other)
        assert await ask(administrator, missing) == await ask(administrator, "bob") == (404, "auth.account_not_found")
        acting = await client.post("/chat", json={"user_id": other}, headers=bearer(administrator))
        assert acting.json()["is_admin"] is False
        await (await container.get(Administration)).change(bob.account.id, status="suspended")
        assert await ask(administrator, other) == (403, "auth.suspended")


REFUSED: dict[str, dict[str, Any]] = {
    "production": {"environment": "production", "auth.secret_key": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF"},
    "staging": {"environment": "staging", "auth.secret_key": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF"},
    "every address": {"server.host": "0.0.0.0"},
    "another address": {"server.host": "192.0.2.7"},
    "a name": {"server.host": "chat.example.com"},
    "a public address": {"server.public_url": "https://chat.example.com"},
}


class TestStart:
    @pytest.fixture
    def engine(self) -> str:
        return "sqlite"

    @pytest.mark.parametrize("what", REFUSED)
    def test_it_does_not_start_where_others_could_reach_it(self, tmp_path: Any, what: str) -> None:
        with pytest.raises(Misconfigured, match="PARLOR_AUTH__MODE is mock"):
            load_settings(discover(), {}, tmp_path, overrides={"auth.mode": "mock", **REFUSED[what]})

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
    def test_it_starts_on_loopback_and_says_so(self, tmp_path: Any, host: str) -> None:
        settings = load_settings(discover(), {}, tmp_path, overrides={"auth.mode": "mock", "server.host": host})
        assert any("Mock mode is on" in each for each in settings.warnings)

    async def test_health_says_so(self, mocking: AsyncContainer, auth_settings: AuthSettings) -> None:
        [check] = mock_checks(await mocking.get(AuthSettings))
        health = await check.look()
        assert health.status is Status.DEGRADED
        assert "Mock mode is on" in (health.advice or "")
        assert not mock_checks(auth_settings)
