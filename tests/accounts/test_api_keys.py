"""API keys: made once, shown once, useful for what they were made for, and over when they are."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer
from sqlalchemy import bindparam, select, update

from parlor.accounts import Administration, AuthSettings, Session, SignIns
from parlor.accounts import api_key_queries as queries
from parlor.accounts.api_keys import MOST_LIVING, ApiKeys, NewApiKey
from parlor.accounts.tables import ApiKeyRow
from parlor.accounts.user_data import AccountsUserData
from parlor.core.db import Database, Id, UtcTime, statement
from parlor.core.events import Event
from parlor.core.ids import new_id
from tests.accounts.conftest import PASSWORD, Build, Register, bearer, make_client

_hashes = statement(select(ApiKeyRow.id, ApiKeyRow.key_hash))
_expire = statement(
    update(ApiKeyRow).where(ApiKeyRow.id == bindparam("key_id", type_=Id)).values(expires_at=bindparam("time", type_=UtcTime)).returning(ApiKeyRow.id)
)


@pytest.fixture
async def ann(register: Register) -> Session:
    return await register()


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make(client: httpx2.AsyncClient, session: Session, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api-keys", json={"name": "nightly report", **more}, headers=bearer(session))
    assert answer.status_code == 201, answer.text
    return answer.json()


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_key_is_shown_once_and_stored_as_its_hash(client: httpx2.AsyncClient, ann: Session, db: Database) -> None:
    made = await make(client, ann)
    key = made.pop("key")
    assert key.startswith("pk_")
    assert len(key) == 46
    assert made["prefix"] == key[:11]
    assert (made["scopes"], made["budget_micros"], made["used_micros"], made["expires_at"], made["last_used_at"], made["revoked_at"]) == (
        *(["chat", "read"], None, None, None, None, None),
    )
    assert (await client.get("/api-keys", headers=bearer(ann))).json() == {"items": [made], "next_cursor": None}
    assert (await client.get(f"/api-keys/{made['id']}", headers=bearer(ann))).json() == made
    (row,) = await db.read(lambda tx: tx.run(_hashes).all())
    assert bytes(row.key_hash) == hashlib.sha256(key.encode()).digest()


async def test_a_key_acts_for_its_account_by_either_header_and_never_by_two(client: httpx2.AsyncClient, ann: Session) -> None:
    key = (await make(client, ann))["key"]
    for headers in (with_key(key), {"X-API-Key": key}):
        assert (await client.get("/auth/me", headers=headers)).json()["id"] == str(ann.account.id)
    for refused in ({**bearer(ann), "X-API-Key": key}, {**with_key(key), "X-API-Key": key}, {"X-API-Key": ann.access_token}, {"X-API-Key": ""}):
        assert code_of(await client.get("/auth/me", headers=refused)) == (401, "auth.unauthenticated")


async def test_no_key_manages_keys_passwords_or_the_profile(client: httpx2.AsyncClient, ann: Session) -> None:
    made = await make(client, ann, scopes=["chat", "read", "wallet"])
    headers = with_key(made["key"])
    passwords = {"current_password": PASSWORD, "new_password": "another quiet river"}
    for method, path, body in (
        ("POST", "/api-keys", {"name": "another"}), ("GET", "/api-keys", None), ("GET", f"/api-keys/{made['id']}", None),
        ("PATCH", f"/api-keys/{made['id']}", {"name": "x"}), ("DELETE", f"/api-keys/{made['id']}", None), ("POST", "/auth/password", passwords),
        ("PATCH", "/auth/me", {"display_name": "x"}),
    ):  # fmt: skip
        assert code_of(await client.request(method, path, json=body, headers=headers)) == (403, "auth.key_not_allowed"), path
    assert (await client.get("/auth/me", headers=headers)).status_code == 200


async def test_a_key_without_the_scope_is_told_which(client: httpx2.AsyncClient, ann: Session) -> None:
    key = (await make(client, ann, scopes=["wallet"]))["key"]
    refused = await client.get("/auth/me", headers=with_key(key))
    assert code_of(refused) == (403, "auth.scope_missing")
    assert refused.json()["scope"] == "read"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "  "}, {"name": "a\nb"}, {"name": "x" * 101}, {"name": "n", "scopes": []}, {"name": "n", "scopes": ["root"]},
        {"name": "n", "scopes": "chat"}, {"name": "n", "expires_at": "2020-01-01T00:00:00Z"}, {"name": "n", "expires_at": "2999-01-01T00:00:00"},
        {"name": "n", "budget_micros": -1}, {"name": "n", "budget_micros": 1.5}, {"name": "n", "key": "pk_mine"}, {"name": "n", "id": str(new_id())},
        {"name": "n", "budget_micros": 5},
    ],
)  # fmt: skip
async def test_a_key_that_makes_no_sense_is_not_made(client: httpx2.AsyncClient, ann: Session, body: Mapping[str, Any]) -> None:
    """The last one: with no room that keeps the money a budget would be a promise that nobody keeps."""
    assert (await client.post("/api-keys", json=body, headers=bearer(ann))).status_code == 422
    assert (await client.get("/api-keys", headers=bearer(ann))).json()["items"] == []


async def test_someone_elses_key_is_a_missing_one(client: httpx2.AsyncClient, ann: Session, register: Register) -> None:
    made, bob = await make(client, ann), await register("bob@example.com")
    for key_id in (made["id"], new_id()):
        for method, body in (("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", None)):
            answer = await client.request(method, f"/api-keys/{key_id}", json=body, headers=bearer(bob))
            assert code_of(answer) == (404, "auth.no_such_api_key")
    assert (await client.get("/auth/me", headers=with_key(made["key"]))).status_code == 200


async def test_a_repeated_request_makes_no_second_key_and_cannot_show_the_first(client: httpx2.AsyncClient, ann: Session) -> None:
    headers = {**bearer(ann), "Idempotency-Key": "once"}
    first = await client.post("/api-keys", json={"name": "one", "scopes": ["read", "chat"]}, headers=headers)
    again = await client.post("/api-keys", json={"scopes": ["chat", "read"], "name": "one"}, headers=headers)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == {**first.json(), "key": None}
    assert code_of(await client.post("/api-keys", json={"name": "two"}, headers=headers)) == (422, "idempotency.mismatch")
    assert len((await client.get("/api-keys", headers=bearer(ann))).json()["items"]) == 1


async def test_only_administrators_make_keys_with_the_scope_admin_and_a_demotion_takes_it_away(
    client: httpx2.AsyncClient, ann: Session, administrator: Session, register: Register, container: AsyncContainer
) -> None:
    assert code_of(await client.post("/api-keys", json={"name": "n", "scopes": ["admin"]}, headers=bearer(ann))) == (403, "auth.administrators_only")
    key, weak = (await make(client, administrator, scopes=["admin", "read"]))["key"], (await make(client, administrator, scopes=["read"]))["key"]
    assert (await client.get("/users", headers=with_key(key))).status_code == 200
    assert code_of(await client.get("/users", headers=with_key(weak))) == (403, "auth.scope_missing")
    administration = await container.get(Administration)
    await administration.change(ann.account.id, role="admin")
    await administration.change(administrator.account.id, role="user")
    assert code_of(await client.get("/users", headers=with_key(key))) == (403, "auth.administrators_only")
    assert (await client.get("/auth/me", headers=with_key(key))).status_code == 200


async def test_a_revoked_key_is_refused_here_at_once_and_stays_in_the_list(client: httpx2.AsyncClient, ann: Session, told: list[Event]) -> None:
    made = await make(client, ann)
    assert (await client.get("/auth/me", headers=with_key(made["key"]))).status_code == 200
    for _ in range(2):
        assert (await client.delete(f"/api-keys/{made['id']}", headers=bearer(ann))).status_code == 204
    assert code_of(await client.get("/auth/me", headers=with_key(made["key"]))) == (401, "auth.api_key_revoked")
    assert (await client.get("/api-keys", headers=bearer(ann))).json()["items"][0]["revoked_at"] is not None
    names = [event.name for event in told if event.name.startswith("api_key.")]
    assert names == ["api_key.created", "api_key.revoked"]


async def test_an_expired_key_is_refused(client: httpx2.AsyncClient, ann: Session, db: Database, build: Build, auth_settings: AuthSettings) -> None:
    made = await make(client, ann, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    assert (await client.get("/auth/me", headers=with_key(made["key"]))).status_code == 200
    earlier = datetime.now(UTC) - timedelta(seconds=1)
    assert await db.write(lambda tx: tx.run(_expire, key_id=(queries.list_page(tx, ann.account.id, before=new_id(), most=1)[0]).id, time=earlier).all())
    async with make_client(build(auth_settings)) as fresh:  # another process, which has not seen it yet
        assert code_of(await fresh.get("/auth/me", headers=with_key(made["key"]))) == (401, "auth.api_key_expired")


async def test_a_suspension_closes_every_key_until_it_ends(client: httpx2.AsyncClient, ann: Session, container: AsyncContainer, administrator: Session) -> None:
    """SEC-09"""
    key = (await make(client, ann))["key"]
    administration = await container.get(Administration)
    await administration.change(ann.account.id, status="suspended")
    assert code_of(await client.get("/auth/me", headers=with_key(key))) == (403, "auth.suspended")
    await administration.change(ann.account.id, status="active")
    assert (await client.get("/auth/me", headers=with_key(key))).status_code == 200


async def test_a_logout_does_not_end_keys(client: httpx2.AsyncClient, ann: Session, container: AsyncContainer) -> None:
    key = (await make(client, ann))["key"]
    await (await container.get(SignIns)).logout(ann.refresh_token)
    assert (await client.get("/auth/me", headers=with_key(key))).status_code == 200


@pytest.mark.parametrize("text", ["pk_", "pk_" + "x" * 42, "pk_" + "x" * 43, "pk_" + "x" * 44, "pk_' OR '1'='1", "PK_" + "x" * 43, "pk_" + "é" * 43])
async def test_what_only_looks_like_a_key_opens_nothing(client: httpx2.AsyncClient, ann: Session, text: str) -> None:
    """BAD-49, SEC-39"""
    key = (await make(client, ann))["key"]
    for sent in (text, key[:-1], key + "x", key[:11], key[:-1] + ("A" if key[-1] != "A" else "B")):
        assert (await client.get("/auth/me", headers=[(b"Authorization", b"Bearer " + sent.encode())])).status_code == 401, sent


async def test_a_hundred_keys_are_enough_also_when_asked_for_at_once(client: httpx2.AsyncClient, ann: Session, container: AsyncContainer) -> None:
    keys = await container.get(ApiKeys)
    made = [await keys.create(ann.account.id, NewApiKey(name="n")) for _ in range(MOST_LIVING - 2)]
    answers = await asyncio.gather(*(client.post("/api-keys", json={"name": "n"}, headers=bearer(ann)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, *[409] * 6]
    await keys.revoke(ann.account.id, made[0].key.id)
    assert (await make(client, ann))["key"]


async def test_a_key_can_be_renamed(client: httpx2.AsyncClient, ann: Session) -> None:
    made = await make(client, ann)
    changed = await client.patch(f"/api-keys/{made['id']}", json={"name": "weekly report"}, headers=bearer(ann))
    assert changed.json() == {**{name: value for name, value in made.items() if name != "key"}, "name": "weekly report"}
    assert (await client.patch(f"/api-keys/{made['id']}", json={"scopes": ["admin"]}, headers=bearer(ann))).status_code == 422


async def test_export_lists_keys_without_their_secrets_and_erasure_deletes_them(
    client: httpx2.AsyncClient, ann: Session, container: AsyncContainer, db: Database
) -> None:
    key = (await make(client, ann))["key"]
    user_data = await container.get(AccountsUserData)
    exported = await user_data.export(ann.account.id)
    assert [row["prefix"] for row in exported["api_keys"]] == [key[:11]]
    assert "key_hash" not in exported["api_keys"][0]
    await user_data.erase(ann.account.id)
    assert await db.read(lambda tx: tx.run(_hashes).all()) == []
    assert code_of(await client.get("/auth/me", headers=with_key(key)))[0] == 401
