"""Groups, addresses and filters: what administrators keep of accounts beside role and status."""

import asyncio
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer
from pydantic import SecretStr

from parlor.accounts import Administration, Application, Authenticator, AuthSettings, EmailTaken, Session, SignUp
from parlor.accounts.administration import Filter
from parlor.core.db import Database
from parlor.core.events import Event
from tests.accounts.conftest import PASSWORD, SECRET, Build, Register, bearer


async def test_groups_are_kept_sorted_and_changing_them_ends_no_sign_in(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register, administrator: Session, told: list[Event]
) -> None:
    session = await register()
    told.clear()
    authenticator = await container.get(Authenticator)
    assert (await authenticator.resolve(session.access_token)).groups == frozenset()
    address = f"/users/{session.account.id}"
    changed = await client.patch(address, json={"groups": ["staff", "beta.2", "staff"]}, headers=bearer(administrator))
    assert (changed.status_code, changed.json()["groups"]) == (200, ["beta.2", "staff"])
    assert (await client.get("/auth/me", headers=bearer(session))).json()["groups"] == ["beta.2", "staff"]
    assert (await authenticator.resolve(session.access_token)).groups == {"beta.2", "staff"}
    await client.patch(address, json={"groups": ["beta.2", "staff"]}, headers=bearer(administrator))
    assert [(event.name, event.body()) for event in told] == [("user.groups_changed", {"groups": ("beta.2", "staff")})]


async def test_another_replica_knows_new_groups_when_it_looks_again(build: Build, register: Register, container: AsyncContainer) -> None:
    """What it remembers is at most `standing_cache_seconds` old; this one's clock is moved past that."""
    now = [0.0]
    session = await register()
    settings = AuthSettings(secret_key=SecretStr(SECRET), standing_cache_seconds=5)
    elsewhere = await build(settings).get(Authenticator)
    elsewhere._monotonic = lambda: now[0]
    assert (await elsewhere.resolve(session.access_token)).groups == frozenset()
    await (await container.get(Administration)).change(session.account.id, groups=["staff"])
    assert (await elsewhere.resolve(session.access_token)).groups == frozenset()
    now[0] = 5.0
    assert (await elsewhere.resolve(session.access_token)).groups == {"staff"}


@pytest.mark.parametrize("groups", [["Staff"], [""], ["a b"], ["x" * 51], ["staff\n"], [f"g{n}" for n in range(51)], "staff", None, [1]])
async def test_strange_groups_are_refused(client: httpx2.AsyncClient, register: Register, administrator: Session, groups: Any) -> None:
    session = await register()
    reply = await client.patch(f"/users/{session.account.id}", json={"groups": groups}, headers=bearer(administrator))
    assert reply.status_code == 422
    assert (await client.get("/auth/me", headers=bearer(session))).json()["groups"] == []


async def test_an_account_is_made_with_its_groups(client: httpx2.AsyncClient, administrator: Session) -> None:
    body = {"email": "bob@example.com", "password": PASSWORD, "groups": ["staff"]}
    made = await client.post("/users", json=body, headers=bearer(administrator))
    assert (made.status_code, made.json()["groups"], made.json()["email_verified"]) == (201, ["staff"], False)


async def test_users_are_found_by_what_is_known_of_them(client: httpx2.AsyncClient, register: Register, administrator: Session) -> None:
    headers = bearer(administrator)
    ann = await register("ann@example.com", username="tulip", display_name="Ann 50%_Off")
    bob = await register("bob@example.org")
    await client.patch(f"/users/{bob.account.id}", json={"status": "suspended", "groups": ["staff"]}, headers=headers)
    expected = {
        "q=EXAMPLE.com": ["ann@example.com", "root@example.com"], "q=tuli": ["ann@example.com"], "q=50%25_": ["ann@example.com"], "q=5__%25": [],
        "role=admin": ["root@example.com"], "status=suspended": ["bob@example.org"], "group=staff": ["bob@example.org"], "group=staf": [],
        "group=staff&status=active": [], "role=user&status=active": ["ann@example.com"], "q='; DROP TABLE accounts": [],
    }  # fmt: skip
    for query, emails in expected.items():
        reply = await client.get(f"/users?{query}", headers=headers)
        assert [user["email"] for user in reply.json()["items"]] == emails, query
    for query in ("role=root", "status=gone", "group=Staff", f"q={'x' * 201}"):
        assert (await client.get(f"/users?{query}", headers=headers)).status_code == 422, query
    assert ann.account.groups == ()


async def test_a_filtered_list_goes_on_from_page_to_page(container: AsyncContainer, register: Register) -> None:
    for number in range(5):
        await register(f"user{number}@example.com")
    administration = await container.get(Administration)
    first = await administration.list(Filter(search="user"), most=3)
    rest = await administration.list(Filter(search="user"), before=first[-1].id, most=3)
    assert [account.email for account in (*first, *rest)] == [f"user{number}@example.com" for number in reversed(range(5))]


async def test_a_new_address_is_one_that_nobody_has_verified(client: httpx2.AsyncClient, register: Register, administrator: Session, told: list[Event]) -> None:
    session, other = await register(), await register("bob@example.com")
    told.clear()
    address = f"/users/{session.account.id}"
    changed = await client.patch(address, json={"email": "Ann.New@Example.com"}, headers=bearer(administrator))
    assert (changed.status_code, changed.json()["email"], changed.json()["email_verified"]) == (200, "ann.new@example.com", False)
    assert [event.name for event in told] == ["user.email_changed"]
    logins = {
        email: (await client.post("/auth/login", json={"login": email, "password": PASSWORD})).status_code
        for email in ("ann@example.com", "ann.new@example.com")
    }
    assert logins == {"ann@example.com": 401, "ann.new@example.com": 200}
    taken = await client.patch(address, json={"email": "bob@example.com", "display_name": "Robbed"}, headers=bearer(administrator))
    assert (taken.status_code, taken.json()["code"]) == (409, "auth.email_taken")
    assert (await client.get(address, headers=bearer(administrator))).json()["display_name"] is None
    for wrong in ("nobody", "", "a@b@c"):
        assert (await client.patch(address, json={"email": wrong}, headers=bearer(administrator))).status_code == 422
    assert other.account.email == "bob@example.com"


async def test_of_two_who_want_one_address_one_gets_it(container: AsyncContainer, db: Database, register: Register) -> None:
    """A change and a sign-up at once: neither meets the other's unique index."""
    administration, sign_up = await container.get(Administration), await container.get(SignUp)
    for number in range(10):
        account = (await register(f"old{number}@example.com")).account
        wanted = f"wanted{number}@example.com"
        results = await asyncio.gather(
            administration.change(account.id, email=wanted),
            sign_up.create(Application(email=wanted, password=PASSWORD)),
            return_exceptions=True,
        )
        assert sorted(isinstance(result, EmailTaken) for result in results) == [False, True], results
