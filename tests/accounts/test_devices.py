"""Signed-in devices: what is known of each, and ending them from elsewhere."""

from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import Session, SignIns
from parlor.accounts import sign_in_queries as queries
from parlor.core.db import Database
from parlor.core.events import Event
from parlor.core.ids import new_id
from tests.accounts.conftest import PASSWORD, Register, bearer


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Browser/1.0 (Linux)", "Browser/1.0 (Linux)"), ("", None), ("x" * 5000, "x" * 300), ("a\tb", "ab"), ("\x07", None)],
)
async def test_a_sign_in_says_how_and_where_from(
    client: httpx2.AsyncClient, register: Register, db: Database, sent: str, kept: str | None, told: list[Event]
) -> None:
    account = (await register()).account
    answer = await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD}, headers={"User-Agent": sent})
    assert answer.status_code == 200
    newest = (await db.read(lambda tx: queries.list_sign_ins(tx, account.id)))[-1]
    assert (newest.method, newest.user_agent, newest.address) == ("password", kept, "127.0.0.1")
    assert [(event.name, event.body()) for event in told][-1] == ("user.signed_in", {"sign_in_id": newest.id, "method": "password"})


async def devices_of(client: httpx2.AsyncClient, session: Session) -> list[dict[str, Any]]:
    answer = await client.get("/auth/sessions", headers=bearer(session))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture
async def three(register: Register, container: AsyncContainer) -> list[Session]:
    """The same person on three devices."""
    sign_ins = await container.get(SignIns)
    return [await register(), *[await sign_ins.login("ann@example.com", PASSWORD) for _ in range(2)]]


async def test_people_see_where_they_are_signed_in(client: httpx2.AsyncClient, three: list[Session], register: Register) -> None:
    await register("bob@example.com")
    shown = await devices_of(client, three[1])
    assert [each["is_current"] for each in shown] == [False, True, False]
    assert set(shown[0]) == {"id", "method", "user_agent", "address", "created_at", "last_used_at", "expires_at", "is_current"}
    page = (await client.get("/auth/sessions?limit=2", headers=bearer(three[1]))).json()
    rest = (await client.get("/auth/sessions", params={"cursor": page["next_cursor"]}, headers=bearer(three[1]))).json()
    assert [*page["items"], *rest["items"]] == shown


async def test_one_device_is_ended_with_its_tokens(client: httpx2.AsyncClient, three: list[Session]) -> None:
    first = (await devices_of(client, three[0]))[-1]["id"]
    assert (await client.delete(f"/auth/sessions/{first}", headers=bearer(three[1]))).status_code == 204
    assert (await client.get("/auth/me", headers=bearer(three[0]))).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": three[0].refresh_token})).status_code == 401
    assert len(await devices_of(client, three[1])) == 2
    assert (await client.delete(f"/auth/sessions/{first}", headers=bearer(three[1]))).json()["code"] == "auth.no_such_sign_in"


async def test_a_device_of_another_is_a_missing_one(client: httpx2.AsyncClient, three: list[Session], register: Register) -> None:
    bob = await register("bob@example.com")
    anns = (await devices_of(client, three[0]))[0]["id"]
    answers = [await client.delete(f"/auth/sessions/{each}", headers=bearer(bob)) for each in (anns, new_id())]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "auth.no_such_sign_in")] * 2
    assert len(await devices_of(client, three[0])) == 3


@pytest.mark.parametrize(("query", "left"), [("", [401, 200, 401]), ("?all=true", [401, 401, 401])])
async def test_all_others_are_ended_or_all(client: httpx2.AsyncClient, three: list[Session], query: str, left: list[int], register: Register) -> None:
    bob = await register("bob@example.com")
    assert (await client.delete(f"/auth/sessions{query}", headers=bearer(three[1]))).status_code == 204
    assert [(await client.get("/auth/me", headers=bearer(session))).status_code for session in three] == left
    assert (await client.get("/auth/me", headers=bearer(bob))).status_code == 200
