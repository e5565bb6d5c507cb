"""What administrators do with accounts."""

import asyncio
from uuid import uuid4

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import Administration, Application, Session, SignUp
from parlor.accounts.errors import LastAdministrator
from parlor.core.events import Event
from tests.accounts.conftest import PASSWORD, Register, bearer


async def test_users_are_listed_in_pages_newest_first(client: httpx2.AsyncClient, register: Register, administrator: Session) -> None:
    for number in range(5):
        await register(f"user{number}@example.com")
    emails: list[str] = []
    cursor = None
    while True:
        reply = await client.get("/users", params={"limit": 2, **({"cursor": cursor} if cursor else {})}, headers=bearer(administrator))
        emails += [user["email"] for user in reply.json()["items"]]
        if (cursor := reply.json()["next_cursor"]) is None:
            break
    assert emails == [*(f"user{number}@example.com" for number in reversed(range(5))), "root@example.com"]
    assert (await client.get("/users", params={"cursor": "forged"}, headers=bearer(administrator))).status_code == 400


async def test_an_administrator_makes_reads_and_changes_accounts(client: httpx2.AsyncClient, administrator: Session, told: list[Event]) -> None:
    headers = bearer(administrator)
    made = await client.post("/users", json={"email": "bob@example.com", "password": PASSWORD, "role": "admin"}, headers=headers)
    assert (made.status_code, made.json()["role"]) == (201, "admin")
    address = f"/users/{made.json()['id']}"
    changed = await client.patch(address, json={"role": "user", "status": "suspended", "display_name": "Bob", "username": "Bob"}, headers=headers)
    assert changed.status_code == 200
    assert (await client.get(address, headers=headers)).json() == changed.json()
    assert [changed.json()[name] for name in ("role", "status", "display_name", "username")] == ["user", "suspended", "Bob", "bob"]
    assert [event.name for event in told] == ["user.registered", "user.signed_in", "user.registered", "user.role_changed", "user.status_changed"]
    same = await client.patch(address, json={"role": "user"}, headers=headers)
    assert (same.status_code, len(told)) == (200, 5)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_unknown_account_is_not_found(client: httpx2.AsyncClient, administrator: Session, method: str) -> None:
    body = {"json": {"role": "user"}} if method == "PATCH" else {}
    reply = await client.request(method, f"/users/{uuid4()}", headers=bearer(administrator), **body)
    assert (reply.status_code, reply.json()["code"]) == (404, "auth.account_not_found")
    assert (await client.request(method, "/users/not-an-id", headers=bearer(administrator), **body)).status_code == 422


async def test_others_may_not(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    own = f"/users/{session.account.id}"
    for headers, status in ((bearer(session), 403), ({}, 401)):
        replies = [
            await client.get("/users", headers=headers),
            await client.get(own, headers=headers),
            await client.post("/users", json={"email": "bob@example.com", "password": PASSWORD}, headers=headers),
            await client.patch(own, json={"role": "admin"}, headers=headers),
        ]
        assert [reply.status_code for reply in replies] == [status] * 4
    assert (await client.get("/auth/me", headers=bearer(session))).json()["role"] == "user"


async def test_a_demoted_administrator_loses_the_role_and_the_sign_in(client: httpx2.AsyncClient, register: Register, administrator: Session) -> None:
    session = await register()
    address = f"/users/{session.account.id}"
    await client.patch(address, json={"role": "admin"}, headers=bearer(administrator))
    promoted = (await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD})).json()
    headers = {"Authorization": f"Bearer {promoted['access_token']}"}
    assert (await client.get("/users", headers=headers)).status_code == 200
    await client.patch(address, json={"role": "user"}, headers=bearer(administrator))
    assert (await client.get("/users", headers=headers)).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": promoted["refresh_token"]})).status_code == 401


@pytest.mark.parametrize("change", [{"role": "user"}, {"status": "suspended"}])
async def test_the_last_administrator_stays(client: httpx2.AsyncClient, administrator: Session, change: dict[str, str]) -> None:
    reply = await client.patch(f"/users/{administrator.account.id}", json=change, headers=bearer(administrator))
    assert (reply.status_code, reply.json()["code"]) == (409, "auth.last_administrator")
    assert (await client.get("/users", headers=bearer(administrator))).status_code == 200


async def test_two_administrators_who_are_demoted_at_once_leave_one(container: AsyncContainer, administrator: Session) -> None:
    administration = await container.get(Administration)
    second = await (await container.get(SignUp)).create(Application(email="bob@example.com", password=PASSWORD), "admin")
    pair = (administrator.account.id, second.id)
    for _ in range(20):
        results = await asyncio.gather(*(administration.change(each, role="user") for each in pair), return_exceptions=True)
        assert sorted(isinstance(result, LastAdministrator) for result in results) == [False, True]
        for each in pair:
            await administration.change(each, role="admin")
