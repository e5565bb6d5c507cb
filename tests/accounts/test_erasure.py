"""What erasure refuses, what it does twice, and what it remembers."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import httpx2
import pytest
from dishka import AsyncContainer
from sqlalchemy import bindparam, update

from parlor.accounts import Administration, Application, Session, SignUp
from parlor.accounts import sign_in_queries as sign_ins
from parlor.accounts.erased_addresses import ErasedAddresses
from parlor.accounts.erasure import Erasure
from parlor.accounts.erasure_queries import find_erasure_of
from parlor.accounts.errors import AccountNotFound, LastAdministrator
from parlor.accounts.jobs import Pruning
from parlor.accounts.tables import ErasedAddressRow
from parlor.core.db import Database, UtcTime, statement
from parlor.core.events import Event, acting_as
from parlor.core.ids import new_id
from tests.accounts.conftest import PASSWORD, Register, bearer


async def test_a_wrong_password_erases_nothing(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    refused = await client.request("DELETE", "/auth/me", json={"password": "not the one"}, headers=bearer(session))
    assert (refused.status_code, refused.json()["code"]) == (401, "auth.invalid_credentials")
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"password": None}, {"password": PASSWORD}])
async def test_an_erased_account_is_gone_for_whoever_was_signed_in(client: httpx2.AsyncClient, register: Register, body: dict[str, str] | None) -> None:
    session = await register()
    erased = await client.request("DELETE", "/auth/me", json=body, headers=bearer(session))
    assert (erased.status_code, erased.json()["receipt"]) == (200, {"accounts": 2})
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": session.refresh_token})).status_code == 401


async def test_an_erasure_is_told_without_the_person(client: httpx2.AsyncClient, register: Register, told: list[Event]) -> None:
    session = await register()
    told.clear()
    with acting_as(address="192.0.2.7"):
        await client.request("DELETE", "/auth/me", json={"password": PASSWORD}, headers=bearer(session))
    (event,) = told
    assert (event.name, event.account_id, event.body()) == ("user.erased", None, {"user_id": session.account.id, "receipt": {"accounts": 2}})


async def test_an_administrator_erases_others_and_repeating_it_shows_the_receipt(
    client: httpx2.AsyncClient, register: Register, administrator: Session, told: list[Event]
) -> None:
    session = await register()
    address = f"/users/{session.account.id}"
    first, again = [await client.delete(address, headers=bearer(administrator)) for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()["erased_at"]) == (200, 200, again.json()["erased_at"])
    assert [event.name for event in told].count("user.erased") == 1
    assert (await client.get(address, headers=bearer(administrator))).status_code == 404
    assert (await client.delete(f"/users/{new_id()}", headers=bearer(administrator))).status_code == 404
    assert (await client.get(f"{address}/export", headers=bearer(administrator))).status_code == 404


async def test_the_second_round_takes_what_came_in_between(container: AsyncContainer, db: Database, register: Register) -> None:
    """A sign-in on a server that did not know yet stands for all that it could have written."""
    erasure, account_id = await container.get(Erasure), (await register()).account.id
    await erasure.erase(account_id)
    late = new_id()
    await db.write(
        lambda tx: sign_ins.open_sign_in(tx, late, account_id, tx.now() + timedelta(days=1), method="password", user_agent="late", address=None)
    )  # fmt: skip
    stored = await db.read(lambda tx: find_erasure_of(tx, account_id))
    assert stored is not None
    await erasure.job().run({"erasure_id": str(stored.id)})
    assert await db.read(lambda tx: sign_ins.list_sign_ins(tx, account_id)) == []
    again = await db.read(lambda tx: find_erasure_of(tx, account_id))
    assert again is not None
    assert (again.receipt, again.erased_at) == ({"accounts": 3}, stored.erased_at)


async def test_the_last_administrator_is_not_erased(client: httpx2.AsyncClient, container: AsyncContainer, administrator: Session) -> None:
    refused = await client.request("DELETE", "/auth/me", json={"password": PASSWORD}, headers=bearer(administrator))
    assert (refused.status_code, refused.json()["code"]) == (409, "auth.last_administrator")
    with pytest.raises(LastAdministrator):
        await (await container.get(Erasure)).erase(administrator.account.id)
    with pytest.raises(AccountNotFound):
        await (await container.get(Erasure)).erase(new_id())


async def test_of_two_administrators_who_remove_each_other_at_once_one_stays(container: AsyncContainer, administrator: Session) -> None:
    """One is erased while the other is demoted: held at a barrier, so that both begin together."""
    administration, erasure, sign_up = await container.get(Administration), await container.get(Erasure), await container.get(SignUp)
    staying = administrator.account.id
    for number in range(10):
        other = await sign_up.create(Application(email=f"admin{number}@example.com", password=PASSWORD), "admin")
        barrier = asyncio.Barrier(2)

        async def at_once(work: Awaitable[object], barrier: asyncio.Barrier = barrier) -> object:
            await barrier.wait()
            return await work

        both = (erasure.erase(other.id), administration.change(staying, role="user"))
        results = await asyncio.gather(*map(at_once, both), return_exceptions=True)
        assert sorted(isinstance(result, LastAdministrator) for result in results) == [False, True], results
        if not isinstance(results[1], BaseException):  # the one who was to be erased is the administrator now
            await administration.change(staying, role="admin")
            await erasure.erase(other.id)


_age = statement(update(ErasedAddressRow).values(erased_at=bindparam("time", type_=UtcTime)))


async def test_an_address_is_remembered_for_a_year_and_not_readable(container: AsyncContainer, db: Database, register: Register, told: list[Event]) -> None:
    addresses, erasure, pruning = await container.get(ErasedAddresses), await container.get(Erasure), await container.get(Pruning)
    await erasure.erase((await register()).account.id)
    assert await db.read(lambda tx: addresses.knows(tx, "ann@example.com"))
    assert not await db.read(lambda tx: addresses.knows(tx, "bob@example.com"))
    told.clear()
    await erasure.erase((await register()).account.id)
    assert told[0].body()["is_returning"] is True
    await pruning.run({})
    assert await db.read(lambda tx: addresses.knows(tx, "ann@example.com"))
    await db.write(lambda tx: tx.run(_age, time=tx.now() - timedelta(days=366)))
    await pruning.run({})
    assert not await db.read(lambda tx: addresses.knows(tx, "ann@example.com"))
