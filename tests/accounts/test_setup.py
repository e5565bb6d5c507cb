"""The first administrator."""

import asyncio
import re

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import Application, AuthSettings, Session, SetupLinks, SignUp
from parlor.accounts.errors import SetupDone
from parlor.accounts.invariants import INVARIANTS
from parlor.accounts.registry import NewAccount, Registry
from parlor.core.db import Database
from parlor.core.events import Event
from parlor.core.invariants import check_invariants
from parlor.core.lifecycle import StartupNotices
from tests.accounts.conftest import PASSWORD, Build, Register, bearer, make_client


async def _token(container: AsyncContainer) -> str:
    link = await (await container.get(SetupLinks)).find()
    assert link is not None
    return link.partition("#")[2]


async def test_the_link_makes_an_administrator_who_is_signed_in(client: httpx2.AsyncClient, container: AsyncContainer, told: list[Event]) -> None:
    body = {"token": await _token(container), "email": "Root@example.com", "password": PASSWORD}
    reply = await client.post("/auth/setup", json=body)
    assert reply.status_code == 201
    assert (reply.json()["user"]["role"], reply.json()["user"]["email"]) == ("admin", "root@example.com")
    users = await client.get("/users", headers={"Authorization": f"Bearer {reply.json()['access_token']}"})
    assert [user["email"] for user in users.json()["items"]] == ["root@example.com"]
    assert [event.name for event in told] == ["user.registered", "user.signed_in"]


async def test_the_link_is_shown_only_while_there_is_no_administrator(container: AsyncContainer, register: Register) -> None:
    links = await container.get(SetupLinks)
    notices = await container.get(StartupNotices)
    await register()
    assert (await links.find() or "").startswith("http://127.0.0.1:8000/setup#")
    assert await notices.lines("http://[::1]:9") == [f"Make the first administrator: {await links.find('http://[::1]:9/')}"]
    await (await container.get(SignUp)).create(Application(email="root@example.com", password=PASSWORD), "admin")
    assert await links.find() is None
    assert await notices.lines("http://127.0.0.1:8000") == []


async def test_fifty_tries_on_four_replicas_make_one_administrator(build: Build, auth_settings: AuthSettings, db: Database) -> None:
    replicas = [build(auth_settings) for _ in range(4)]
    token = await _token(replicas[0])
    clients = [make_client(replica) for replica in replicas]
    tries = [clients[number % 4].post("/auth/setup", json={"token": token, "email": f"root{number}@example.com", "password": PASSWORD}) for number in range(50)]
    replies = await asyncio.gather(*tries)
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 49
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"auth.setup_done"}
    winner = next(reply.json() for reply in replies if reply.status_code == 201)
    users = await clients[0].get("/users", headers={"Authorization": f"Bearer {winner['access_token']}"})
    assert len(users.json()["items"]) == 1
    assert await check_invariants(db, INVARIANTS) == []
    for client in clients:
        await client.aclose()


async def test_the_unique_index_alone_stops_a_second_first_administrator(container: AsyncContainer, db: Database) -> None:
    """Both looked before either was there: what two transactions of Postgres see."""
    registry = await container.get(Registry)
    barrier = asyncio.Barrier(2)

    async def attempt(email: str) -> bool:
        await barrier.wait()
        try:
            await db.write(lambda tx: registry.add_first_administrator(tx, NewAccount(email=email, role="admin")))
        except SetupDone:
            return False
        return True

    assert sorted(await asyncio.gather(attempt("a@example.com"), attempt("b@example.com"))) == [False, True]


async def test_without_the_token_nobody_becomes_administrator(client: httpx2.AsyncClient, container: AsyncContainer, build: Build) -> None:
    other = build(AuthSettings(secret_key=None, argon2_memory_kib=8, argon2_time_cost=1))
    for token in ("", "x", "x" * 200, "é" * 43, await _token(other), (await _token(container))[:-1]):
        reply = await client.post("/auth/setup", json={"token": token, "email": "root@example.com", "password": PASSWORD})
        assert (reply.status_code, reply.json()["code"]) == (403, "auth.invalid_setup_token")
    replies = await asyncio.gather(*(client.post("/auth/register", json={"email": f"u{n}@example.com", "password": PASSWORD}) for n in range(50)))
    assert {reply.json()["user"]["role"] for reply in replies} == {"user"}


async def test_a_used_link_stays_used(client: httpx2.AsyncClient, container: AsyncContainer, administrator: Session) -> None:
    token = (await container.get(SetupLinks))._key.sign("first administrator")
    reply = await client.post("/auth/setup", json={"token": token, "email": "second@example.com", "password": PASSWORD})
    assert (reply.status_code, reply.json()["code"]) == (409, "auth.setup_done")
    assert (await client.get("/auth/me", headers=bearer(administrator))).json()["role"] == "admin"


async def test_a_set_up_with_a_taken_address_or_a_weak_password_can_be_tried_again(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register
) -> None:
    await register()
    token = await _token(container)
    taken = await client.post("/auth/setup", json={"token": token, "email": "ann@example.com", "password": PASSWORD})
    weak = await client.post("/auth/setup", json={"token": token, "email": "root@example.com", "password": "password123"})
    right = await client.post("/auth/setup", json={"token": token, "email": "root@example.com", "password": PASSWORD})
    assert (taken.json()["code"], weak.status_code, right.status_code) == ("auth.email_taken", 422, 201)


PAGES = ("setup", "verify-email", "reset-password")
FILES = [(page, "text/html") for page in PAGES] + [(f"pages/{page}.js", "text/javascript") for page in (*PAGES, "page")] + [("pages/page.css", "text/css")]


@pytest.mark.parametrize(("path", "media_type"), FILES)
async def test_the_page_allows_its_own_files_and_nothing_else(container: AsyncContainer, path: str, media_type: str) -> None:
    async with make_client(container) as client:
        reply = await client.get(f"http://127.0.0.1/{path}")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith(media_type)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_holds_no_inline_script_and_only_relative_addresses(container: AsyncContainer, name: str) -> None:
    async with make_client(container) as client:
        page = (await client.get(f"http://127.0.0.1/{name}")).text
        assert [(await client.get(f"http://127.0.0.1/pages/{each}")).status_code for each in (f"{name}.html", "..%2fapi.py", "x")] == [404, 404, 404]
    assert "style=" not in page
    assert "onsubmit" not in page
    assert page.count("<script") == 1
    assert f'<script type="module" src="pages/{name}.js"></script>' in page
    assert not re.search(r'(src|href|action)="(/|https?:)', page)
