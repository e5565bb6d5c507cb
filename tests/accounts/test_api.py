"""What clients see of /auth."""

import asyncio
from typing import Any

import httpx2
import pytest

from parlor.accounts import Session
from parlor.core.db import Database
from parlor.core.events import Event
from tests.accounts.conftest import PASSWORD, Register, age, bearer

USER_FIELDS = {"id", "email", "username", "display_name", "role", "groups", "status", "email_verified", "preferences", "created_at"}
ANN = {"email": "Ann@Example.com", "password": PASSWORD}


async def test_registering_signs_in_and_shows_the_user(client: httpx2.AsyncClient, told: list[Event]) -> None:
    reply = await client.post("/auth/register", json={**ANN, "username": "Ann", "display_name": " Ann  Ó "})
    body = reply.json()
    assert reply.status_code == 201
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 900
    user = body["user"]
    assert set(user) >= USER_FIELDS
    assert (user["email"], user["username"], user["display_name"]) == ("ann@example.com", "ann", "Ann  Ó")
    assert (user["role"], user["status"], user["groups"], user["email_verified"], user["preferences"]) == ("user", "active", [], False, {})
    assert user["created_at"].endswith("Z")
    assert [event.name for event in told] == ["user.registered", "user.signed_in"]
    me = await client.get("/auth/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json() == user


@pytest.mark.parametrize("login", ["ann@example.com", "  ANN@example.COM ", "ann", "Ann"])
async def test_login_takes_email_and_username_in_any_case(client: httpx2.AsyncClient, register: Register, login: str) -> None:
    await register(username="ann")
    reply = await client.post("/auth/login", json={"login": login, "password": PASSWORD})
    assert reply.status_code == 200
    assert set(reply.json()) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}


async def test_an_unknown_account_and_a_wrong_password_get_the_same_answer(client: httpx2.AsyncClient, register: Register) -> None:
    await register()
    replies = [
        await client.post("/auth/login", json={"login": login, "password": "not the password"})
        for login in ("ann@example.com", "bob@example.com", "bob", "bob@", "@", "a@b@c")
    ]
    assert {reply.status_code for reply in replies} == {401}
    assert len({(reply.json()["code"], reply.json()["detail"]) for reply in replies}) == 1
    assert replies[0].json()["code"] == "auth.invalid_credentials"
    assert replies[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM", " ann@Example.com ", "ann@ｅxample.com"])
async def test_every_spelling_of_a_taken_address_is_refused_alike(client: httpx2.AsyncClient, register: Register, email: str) -> None:
    await register()
    reply = await client.post("/auth/register", json={"email": email, "password": PASSWORD})
    assert (reply.status_code, reply.json()["code"]) == (409, "auth.email_taken")


async def test_a_plus_tag_is_another_address(client: httpx2.AsyncClient, register: Register) -> None:
    await register()
    reply = await client.post("/auth/register", json={"email": "ann+chat@example.com", "password": PASSWORD})
    assert reply.status_code == 201


async def test_a_taken_username_says_so(client: httpx2.AsyncClient, register: Register) -> None:
    await register(username="ann")
    reply = await client.post("/auth/register", json={"email": "bob@example.com", "password": PASSWORD, "username": "ANN"})
    assert (reply.status_code, reply.json()["code"]) == (409, "auth.username_taken")


async def test_fifty_sign_ups_with_one_address_make_one_account(client: httpx2.AsyncClient, told: list[Event]) -> None:
    replies = await asyncio.gather(*(client.post("/auth/register", json=ANN) for _ in range(50)))
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 49
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"auth.email_taken"}


BAD_REGISTRATIONS: list[dict[str, Any]] = [
    {},
    {"email": "ann@example.com"},
    {"email": None, "password": PASSWORD},
    {"email": "a" * 300 + "@example.com", "password": PASSWORD},
    {"email": "ann@localhost", "password": PASSWORD},
    {"email": "ann@@example.com", "password": PASSWORD},
    {"email": '"an n"@example.com', "password": PASSWORD},
    {"email": "\u0430nn@example.com", "password": PASSWORD},
    {"email": "ann\u202e@example.com", "password": PASSWORD},
    {"email": "ann\x00@example.com", "password": PASSWORD},
    {"email": "ann@example.com\r\nBcc: x@example.com", "password": PASSWORD},
    {**ANN, "password": "short"},
    {**ANN, "password": "x" * 129},
    {**ANN, "password": "with nul \x00 inside"},
    {**ANN, "password": " " * 12},
    {**ANN, "password": "password123"},
    {**ANN, "password": "PassWord123"},
    {**ANN, "password": "ann@example.com"},
    {**ANN, "password": 1234567890},
    {**ANN, "username": "a"},
    {**ANN, "username": "ann@example.com"},
    {**ANN, "username": "\u0430nn"},
    {**ANN, "username": "admin"},
    {**ANN, "username": "operator"},
    {**ANN, "username": "-ann"},
    {**ANN, "display_name": "two\r\nlines"},
    {**ANN, "display_name": "right \u202eto left"},
    {**ANN, "display_name": "n" + "\u0301" * 50},
    {**ANN, "display_name": "x" * 101},
    {**ANN, "display_name": "   "},
]


@pytest.mark.parametrize("body", BAD_REGISTRATIONS)
async def test_a_registration_that_makes_no_sense_is_refused_and_changes_nothing(client: httpx2.AsyncClient, body: dict[str, Any], told: list[Event]) -> None:
    reply = await client.post("/auth/register", json=body)
    assert reply.status_code == 422
    problem = reply.json()
    assert problem["errors"]
    assert problem["errors"][0]["loc"][0] == "body"
    if isinstance(body.get("password"), str) and len(body["password"]) > 5:
        assert body["password"].strip() not in problem["detail"] or not body["password"].strip()
    assert not told


@pytest.mark.parametrize("length", [10, 14, 15, 64, 128])
async def test_passwords_up_to_the_cap_are_accepted(client: httpx2.AsyncClient, length: int) -> None:
    password = ("pä ss" * 40)[:length]
    assert (await client.post("/auth/register", json={**ANN, "password": password})).status_code == 201
    assert (await client.post("/auth/login", json={"login": "ann@example.com", "password": password})).status_code == 200


async def test_passwords_that_differ_only_at_the_end_are_different(client: httpx2.AsyncClient) -> None:
    long = "x1y2" * 20
    await client.post("/auth/register", json={**ANN, "password": long + "a"})
    assert (await client.post("/auth/login", json={"login": "ann@example.com", "password": long + "b"})).status_code == 401


PRIVILEGES = {
    "role": "admin", "is_admin": True, "is_first_admin": True, "balance": 1, "credits": 1, "user_id": "x", "owner_id": "x", "id": "x", "created_at": "x",
    "email_verified": True, "status": "active", "groups": ["staff"], "token_version": 1,
}  # fmt: skip


@pytest.mark.parametrize("field", PRIVILEGES)
async def test_nobody_can_write_what_is_not_theirs_to_write(client: httpx2.AsyncClient, register: Register, field: str) -> None:
    session = await register()
    extra = {field: PRIVILEGES[field]}
    writes = [
        client.post("/auth/register", json={"email": "bob@example.com", "password": PASSWORD, **extra}),
        client.post("/auth/setup", json={"token": "x", "email": "bob@example.com", "password": PASSWORD, **extra}),
        client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD, **extra}),
        client.post("/auth/refresh", json={"refresh_token": session.refresh_token, **extra}),
        client.post("/auth/logout", json={"refresh_token": session.refresh_token, **extra}),
        client.post("/auth/password", json={"current_password": PASSWORD, "new_password": "another river in june", **extra}, headers=bearer(session)),
        client.patch("/auth/me", json=extra, headers=bearer(session)),
    ]
    replies = await asyncio.gather(*writes)
    assert [reply.status_code for reply in replies] == [422] * len(writes)
    assert (await client.get("/auth/me", headers=bearer(session))).json()["role"] == "user"


async def test_a_profile_changes_in_parts(client: httpx2.AsyncClient, register: Register) -> None:
    headers = bearer(await register(username="ann"))
    changes = {"display_name": "Ann", "avatar_url": "https://example.com/ann.png", "locale": "pt-BR", "preferences": {"theme": "dark", "__proto__": {"x": 1}}}
    first = await client.patch("/auth/me", json=changes, headers=headers)
    assert first.status_code == 200
    assert {name: first.json()[name] for name in changes} == changes
    second = (await client.patch("/auth/me", json={"display_name": None, "username": "ann2"}, headers=headers)).json()
    assert (second["display_name"], second["username"], second["locale"], second["preferences"]) == (None, "ann2", "pt-BR", changes["preferences"])
    assert (await client.patch("/auth/me", json={}, headers=headers)).json() == second


@pytest.mark.parametrize(
    "change",
    [
        {"avatar_url": "javascript:alert(1)"},
        {"avatar_url": "https://user:pw@example.com/a.png"},
        {"avatar_url": "https://example.com/a b.png"},
        {"avatar_url": "https:///nohost"},
        {"avatar_url": "http://[bad"},
        {"locale": "not a locale"},
        {"preferences": None},
        {"preferences": ["a list"]},
        {"preferences": {"big": "x" * 20_000}},
        {"preferences": {"nul": "\x00"}},
        {"username": "a b"},
        {"display_name": "two\nlines"},
    ],
)
async def test_a_profile_that_makes_no_sense_is_refused(client: httpx2.AsyncClient, register: Register, change: dict[str, Any]) -> None:
    headers = bearer(await register())
    before = (await client.get("/auth/me", headers=headers)).json()
    assert (await client.patch("/auth/me", json=change, headers=headers)).status_code == 422
    assert (await client.get("/auth/me", headers=headers)).json() == before


async def test_twenty_people_who_want_one_username_get_it_once(client: httpx2.AsyncClient, register: Register) -> None:
    sessions = [await register(f"user{number}@example.com") for number in range(20)]
    replies = await asyncio.gather(*(client.patch("/auth/me", json={"username": "the.one"}, headers=bearer(session)) for session in sessions))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 19


async def test_a_refresh_gives_new_tokens_that_work(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    reply = await client.post("/auth/refresh", json={"refresh_token": session.refresh_token})
    assert reply.status_code == 200
    assert reply.json()["refresh_token"] != session.refresh_token
    assert reply.json()["user"]["email"] == "ann@example.com"
    me = await client.get("/auth/me", headers={"Authorization": f"Bearer {reply.json()['access_token']}"})
    assert me.status_code == 200


async def test_refreshes_at_once_all_get_the_same_successor(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    replies = await asyncio.gather(*(client.post("/auth/refresh", json={"refresh_token": session.refresh_token}) for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["refresh_token"] for reply in replies}) == 1


async def test_a_replayed_refresh_token_ends_the_sign_in_and_its_access_token(
    client: httpx2.AsyncClient, register: Register, db: Database, told: list[Event]
) -> None:
    session = await register()
    fresh = (await client.post("/auth/refresh", json={"refresh_token": session.refresh_token})).json()
    await db.write(lambda tx: age(tx, 11))
    for token in (session.refresh_token, fresh["refresh_token"]):
        reply = await client.post("/auth/refresh", json={"refresh_token": token})
        assert (reply.status_code, reply.json()["code"]) == (401, "auth.invalid_refresh_token")
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {fresh['access_token']}"})).status_code == 401
    assert [event.name for event in told] == ["user.registered", "user.signed_in", "user.refresh_token_replayed"]


async def test_logout_ends_this_device_and_no_other(client: httpx2.AsyncClient, register: Register) -> None:
    phone = await register()
    laptop = (await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD})).json()
    for _ in range(2):
        reply = await client.post("/auth/logout", json={"refresh_token": phone.refresh_token})
        assert (reply.status_code, reply.content) == (204, b"")
    assert (await client.post("/auth/refresh", json={"refresh_token": phone.refresh_token})).status_code == 401
    assert (await client.get("/auth/me", headers=bearer(phone))).status_code == 401
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {laptop['access_token']}"})).status_code == 200


@pytest.mark.parametrize("token", ["x", "rt_" + "A" * 43, "rt_" + "é" * 43, "' OR '1'='1", "x" * 4096])
async def test_a_refresh_token_that_is_not_ours_is_refused(client: httpx2.AsyncClient, register: Register, token: str) -> None:
    session = await register()
    assert (await client.post("/auth/refresh", json={"refresh_token": token})).status_code == 401
    assert (await client.post("/auth/logout", json={"refresh_token": token})).status_code == 204
    assert (await client.post("/auth/refresh", json={"refresh_token": session.access_token})).status_code == 401
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200


async def test_a_new_password_ends_every_sign_in_but_the_new_one(client: httpx2.AsyncClient, register: Register) -> None:
    old = await register()
    body = {"current_password": PASSWORD, "new_password": "another river in june"}
    reply = await client.post("/auth/password", json=body, headers=bearer(old))
    assert reply.status_code == 200
    assert (await client.get("/auth/me", headers=bearer(old))).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": old.refresh_token})).status_code == 401
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {reply.json()['access_token']}"})).status_code == 200
    assert (await client.post("/auth/refresh", json={"refresh_token": reply.json()["refresh_token"]})).status_code == 200
    assert (await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD})).status_code == 401
    assert (await client.post("/auth/login", json={"login": "ann@example.com", "password": body["new_password"]})).status_code == 200


async def test_a_password_is_not_changed_without_the_current_one(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    wrong = {"current_password": "not the password", "new_password": "another river in june"}
    assert (await client.post("/auth/password", json=wrong, headers=bearer(session))).json()["code"] == "auth.invalid_credentials"
    weak = await client.post("/auth/password", json={"current_password": PASSWORD, "new_password": "password123"}, headers=bearer(session))
    assert weak.status_code == 422
    assert weak.json()["errors"][0]["loc"] == ["body", "new_password"]
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200


async def test_eight_password_changes_at_once_let_one_win(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    bodies = [{"current_password": PASSWORD, "new_password": f"river number {number}"} for number in range(8)]
    replies = await asyncio.gather(*(client.post("/auth/password", json=body, headers=bearer(session)) for body in bodies))
    assert sorted(reply.status_code for reply in replies) == [200] + [401] * 7


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic YW5uOnB3")],
        [("Authorization", "Bearer a.b.c")],
        [("Authorization", "Bearer " + "x" * 5000)],
        [("Authorization", "Bearer pk_' OR '1'='1")],
    ],
)
async def test_without_a_valid_credential_there_is_nobody(client: httpx2.AsyncClient, headers: list[tuple[str, str]]) -> None:
    reply = await client.get("/auth/me", headers=headers)
    assert reply.status_code == 401
    assert reply.json()["code"].startswith("auth.")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_the_scheme_is_read_in_any_case_and_two_headers_are_refused(client: httpx2.AsyncClient, register: Register) -> None:
    token = (await register()).access_token
    assert (await client.get("/auth/me", headers={"Authorization": f"bEaReR {token}"})).status_code == 200
    two = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert (await client.get("/auth/me", headers=two)).status_code == 401
    assert (await client.get("/auth/me", params={"access_token": token, "token": token})).status_code == 401


async def test_a_suspended_account_is_told_so_only_with_its_password(client: httpx2.AsyncClient, register: Register, administrator: Session) -> None:
    session = await register()
    reply = await client.patch(f"/users/{session.account.id}", json={"status": "suspended"}, headers=bearer(administrator))
    assert reply.status_code == 200
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": session.refresh_token})).status_code == 401
    login = {"login": "ann@example.com", "password": PASSWORD}
    right = await client.post("/auth/login", json=login)
    assert (right.status_code, right.json()["code"]) == (403, "auth.suspended")
    assert (await client.post("/auth/login", json={**login, "password": "not the password"})).status_code == 401
    await client.patch(f"/users/{session.account.id}", json={"status": "active"}, headers=bearer(administrator))
    assert (await client.post("/auth/login", json=login)).status_code == 200
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 401
