"""How often somebody may try: SEC-43, BAD-52."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import AuthSettings, InvalidCredentials, SetupLinks, SignIns
from parlor.core.errors import RateLimited
from parlor.core.events import acting_as
from parlor.core.limits import LimitSettings
from tests.accounts.conftest import PASSWORD, Build, Register, bearer, make_app
from tests.support.clients import http_client

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def limit_settings() -> LimitSettings:
    return LimitSettings(logins_per_address_per_minute=30, sign_ups_per_address_per_minute=3)


def client_from(container: AsyncContainer, address: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=make_app(container), client=(address, 1234))
    return http_client(transport=transport, base_url="http://127.0.0.1/api/v1")


async def try_login(client: httpx2.AsyncClient, login: str, password: str = "not the password") -> httpx2.Response:
    return await client.post("/auth/login", json={"login": login, "password": password})


def assert_limited(reply: httpx2.Response) -> None:
    problem = reply.json()
    assert (reply.status_code, problem["code"], reply.headers["content-type"]) == (429, "rate_limited", "application/problem+json")
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert problem["retry_after_seconds"] <= 60


@pytest.mark.parametrize("login", ["ann@example.com", "nobody@example.com", "nobody", "not@@an@address"])
async def test_ten_wrong_passwords_and_then_429_the_same_for_an_account_that_is_not_there(container: AsyncContainer, register: Register, login: str) -> None:
    await register()
    async with client_from(container, HERE) as client:
        replies = [await try_login(client, login) for _ in range(12)]
    assert [reply.status_code for reply in replies] == [401] * 10 + [429] * 2
    assert {reply.json()["code"] for reply in replies[:10]} == {"auth.invalid_credentials"}
    assert_limited(replies[-1])


async def test_other_spellings_of_a_login_count_together(container: AsyncContainer, register: Register) -> None:
    await register()
    async with client_from(container, HERE) as client:
        spellings = ["ann@example.com", "ANN@example.com", " ann@EXAMPLE.com ", "ann@ｅxample.com"] * 3
        assert [(await try_login(client, login)).status_code for login in spellings] == [401] * 10 + [429] * 2


async def test_right_passwords_do_not_count(container: AsyncContainer, register: Register) -> None:
    await register()
    async with client_from(container, HERE) as client:
        replies = await asyncio.gather(*(try_login(client, "ann@example.com", PASSWORD) for _ in range(25)))
        assert {reply.status_code for reply in replies} == {200}


async def test_guesses_that_are_all_sent_at_once_are_not_heard_either(container: AsyncContainer, register: Register) -> None:
    """The right one is among the last: it must not be told from a wrong one."""
    await register()
    guesses = ["not the password"] * 28 + [PASSWORD]
    async with client_from(container, HERE) as client:
        replies = await asyncio.gather(*(try_login(client, "ann@example.com", guess) for guess in guesses))
    assert [reply.status_code for reply in replies].count(401) == 10
    assert [reply.status_code for reply in replies].count(429) == 19


async def test_a_flood_is_refused_and_disturbs_nobody_else(container: AsyncContainer, register: Register) -> None:
    """BAD-52"""
    session = await register()
    await register("bob@example.com")
    sign_ins = await container.get(SignIns)
    refusals: Counter[type[Exception]] = Counter()
    with acting_as(address=HERE):
        for _ in range(5000):
            try:
                await sign_ins.login("ann@example.com", "not the password")
            except (InvalidCredentials, RateLimited) as refusal:
                refusals[type(refusal)] += 1
    assert refusals == {InvalidCredentials: 10, RateLimited: 4990}
    async with client_from(container, ELSEWHERE) as people:
        assert_limited(await try_login(people, "ann@example.com"))
        assert (await people.get("/auth/me", headers=bearer(session))).status_code == 200
        assert (await people.post("/auth/refresh", json={"refresh_token": session.refresh_token})).status_code == 200
        assert (await try_login(people, "bob@example.com", PASSWORD)).status_code == 200


async def test_nobody_is_kept_out_of_where_they_signed_in_before(container: AsyncContainer, register: Register) -> None:
    """Somebody who fails all the time fills the limit of strangers, not that of the owner's own address."""
    await register()
    async with client_from(container, HERE) as home, client_from(container, ELSEWHERE) as strangers:
        assert (await try_login(home, "ann@example.com", PASSWORD)).status_code == 200
        assert [(await try_login(strangers, "ann@example.com")).status_code for _ in range(11)] == [401] * 10 + [429]
        assert (await try_login(strangers, "ann@example.com", PASSWORD)).status_code == 429
        assert (await try_login(home, "ann@example.com", PASSWORD)).status_code == 200


async def test_an_address_may_try_so_many_logins_whosever_they_are(container: AsyncContainer) -> None:
    async with client_from(container, "2001:db8::1") as one, client_from(container, "2001:db8::2") as neighbour, client_from(container, HERE) as other:
        replies = [await try_login(one if number % 2 else neighbour, f"user{number}@example.com") for number in range(31)]
        assert [reply.status_code for reply in replies] == [401] * 30 + [429]
        assert (await try_login(other, "user1@example.com")).status_code == 401


async def test_an_address_may_ask_for_so_many_accounts(container: AsyncContainer) -> None:
    async with client_from(container, HERE) as client:
        replies = [await client.post("/auth/register", json={"email": f"user{number}@example.com", "password": PASSWORD}) for number in range(4)]
        assert [reply.status_code for reply in replies] == [201] * 3 + [429]
        assert_limited(replies[-1])


async def test_the_set_up_link_is_limited_like_a_login(container: AsyncContainer) -> None:
    link = await (await container.get(SetupLinks)).find()
    assert link is not None
    body: dict[str, Any] = {"token": "x" * 43, "email": "root@example.com", "password": PASSWORD}
    async with client_from(container, HERE) as client:
        assert [(await client.post("/auth/setup", json=body)).status_code for _ in range(31)] == [403] * 30 + [429]


async def test_a_stolen_access_token_is_no_way_to_guess_the_password(container: AsyncContainer, register: Register) -> None:
    session = await register()
    async with client_from(container, HERE) as client:
        body = {"current_password": "a wrong one", "new_password": "another quiet river"}
        replies = [await client.post("/auth/password", json=body, headers=bearer(session)) for _ in range(11)]
        assert [reply.status_code for reply in replies] == [401] * 10 + [429]
        assert (await try_login(client, "ann@example.com", PASSWORD)).status_code == 200


async def test_nothing_is_limited_when_limits_are_off(build: Build, auth_settings: AuthSettings) -> None:
    container = build(auth_settings, LimitSettings(enabled=False))
    async with client_from(container, HERE) as client:
        assert {(await try_login(client, "ann@example.com")).status_code for _ in range(40)} == {401}
