"""What the room offers to the others: directory, health, export and erasure, jobs, invariants."""

import asyncio
import json
from datetime import timedelta

import pytest
from dishka import AsyncContainer
from sqlalchemy import bindparam, update

from parlor.accounts import AccountDirectory, AccountNotFound, Administration, Application, Authenticator, Session, SignIns, SignUp
from parlor.accounts import sign_in_queries as queries
from parlor.accounts.checks import checks
from parlor.accounts.errors import InvalidCredentials, InvalidEmail, SetupDone
from parlor.accounts.invariants import INVARIANTS
from parlor.accounts.jobs import Pruning
from parlor.accounts.profiles import Profiles
from parlor.accounts.registry import NewAccount, Registry
from parlor.accounts.setup import Setup, SetupLinks
from parlor.accounts.tables import AccountRow, SignInRow
from parlor.accounts.user_data import AccountsUserData
from parlor.core.db import Database, UtcTime, statement
from parlor.core.errors import Unauthenticated
from parlor.core.events import Event
from parlor.core.health import Status
from parlor.core.ids import new_id
from parlor.core.invariants import check_invariants
from tests.accounts.conftest import PASSWORD, Register


async def test_the_directory_finds_people_by_any_spelling(container: AsyncContainer, db: Database, register: Register) -> None:
    directory = await container.get(AccountDirectory)
    account = (await register()).account
    assert await db.read(lambda tx: directory.find_by_email(tx, "ANN@example.com")) == account
    assert await db.read(lambda tx: directory.get_by_email(tx, "ann@example.com")) == account
    assert await db.read(lambda tx: directory.find(tx, account.id)) == account
    assert await db.read(lambda tx: directory.find_by_email(tx, "not an address")) is None
    with pytest.raises(AccountNotFound, match=r"bob@example\.com"):
        await db.read(lambda tx: directory.get_by_email(tx, "bob@example.com"))


async def test_commands_stand_for_the_oldest_active_administrator(container: AsyncContainer, db: Database, administrator: Session) -> None:
    directory = await container.get(AccountDirectory)
    second = await (await container.get(SignUp)).create(Application(email="second@example.com", password=PASSWORD), "admin")
    found = await db.read(directory.first_administrator)
    assert found is not None
    assert found.id == administrator.account.id
    await (await container.get(Administration)).change(administrator.account.id, status="suspended")
    found = await db.read(directory.first_administrator)
    assert found is not None
    assert found.id == second.id


async def test_the_local_operator_is_made_once_and_cannot_sign_in(container: AsyncContainer, db: Database, told: list[Event]) -> None:
    directory = await container.get(AccountDirectory)
    operators = await asyncio.gather(*(db.write(directory.operator) for _ in range(10)))
    assert len({operator.id for operator in operators}) == 1
    assert (operators[0].role, operators[0].email, operators[0].username) == ("user", None, "operator")
    assert {event.account_id for event in told} == {operators[0].id}
    with pytest.raises(InvalidCredentials):
        await (await container.get(SignIns)).login("operator", "nobody has this password")


async def test_health_says_when_there_is_no_administrator(container: AsyncContainer, db: Database) -> None:
    (check,) = checks(db)
    before = await check.look()
    assert (before.status, before.details) == (Status.OK, {"accounts": 0, "administrators": 0})
    assert "setup-link" in (before.advice or "")
    await (await container.get(SignUp)).create(Application(email="root@example.com", password=PASSWORD), "admin")
    after = await check.look()
    assert (after.advice, after.details) == (None, {"accounts": 1, "administrators": 1})


async def test_an_export_holds_the_person_and_no_secret(container: AsyncContainer, register: Register) -> None:
    session = await register(username="ann", display_name="Ann")
    export = await (await container.get(AccountsUserData)).export(session.account.id)
    text = json.dumps(export)
    assert export["account"]["email"] == "ann@example.com"
    assert len(export["sign_ins"]) == 1
    assert "argon2" not in text
    assert session.refresh_token not in text
    assert await (await container.get(AccountsUserData)).export(new_id()) == {}


async def test_an_erased_account_is_a_row_with_nobody_in_it(container: AsyncContainer, register: Register, db: Database) -> None:
    user_data = await container.get(AccountsUserData)
    session = await register(username="ann", display_name="Ann")
    assert await user_data.erase(session.account.id) == 2
    assert await user_data.erase(session.account.id) == 0
    with pytest.raises(Unauthenticated):
        await (await container.get(Authenticator)).resolve(session.access_token)
    with pytest.raises(Unauthenticated):
        await (await container.get(SignIns)).refresh(session.refresh_token)
    with pytest.raises(InvalidCredentials):
        await (await container.get(SignIns)).login("ann@example.com", PASSWORD)
    for attempt in (
        (await container.get(Profiles)).read(session.account.id),
        (await container.get(Profiles)).change(session.account.id, {"display_name": "back"}),
        (await container.get(Administration)).change(session.account.id, role="admin"),
        (await container.get(SignIns)).change_password(session.account.id, PASSWORD, "another river in june"),
    ):
        with pytest.raises(AccountNotFound):
            await attempt
    assert await (await container.get(Administration)).list(most=10) == []
    assert (await register(username="ann")).account.id != session.account.id


async def test_the_link_stays_spent_when_the_first_administrator_is_erased(container: AsyncContainer, administrator: Session) -> None:
    links = await container.get(SetupLinks)
    await (await container.get(AccountsUserData)).erase(administrator.account.id)
    assert await links.find() is None
    with pytest.raises(SetupDone):
        await (await container.get(Setup)).make_first_administrator(links._key.sign("first administrator"), "b@example.com", PASSWORD)
    again = await (await container.get(SignUp)).create(Application(email="again@example.com", password=PASSWORD), "admin")
    assert again.role == "admin"


async def test_promotion_is_by_address(container: AsyncContainer, register: Register) -> None:
    administration = await container.get(Administration)
    await register()
    assert (await administration.promote("ANN@example.com")).role == "admin"
    with pytest.raises(AccountNotFound):
        await administration.promote("bob@example.com")
    with pytest.raises(InvalidEmail):
        await administration.promote("bob")


async def test_a_login_renews_a_hash_of_old_settings(container: AsyncContainer, register: Register, db: Database) -> None:
    from argon2 import PasswordHasher

    session = await register()
    old = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
    set_hash = statement(update(AccountRow).values(password_hash=bindparam("new_hash", type_=AccountRow.__table__.c.password_hash.type)))
    await db.write(lambda tx: tx.run(set_hash, new_hash=old))
    sign_ins = await container.get(SignIns)
    await sign_ins.login("ann@example.com", PASSWORD)
    assert await db.read(lambda tx: _password(tx, session)) != old
    await (await container.get(Authenticator)).resolve(session.access_token)
    await sign_ins.login("ann@example.com", PASSWORD)


def _password(tx: "object", session: Session) -> str | None:
    from parlor.accounts.queries import password_hash

    return password_hash(tx, session.account.id)  # type: ignore[arg-type]


async def test_pruning_deletes_what_is_long_over_and_nothing_else(container: AsyncContainer, register: Register, db: Database) -> None:
    pruning = await container.get(Pruning)
    assert pruning.job().is_scheduled
    alive = await register()
    sign_ins = await container.get(SignIns)
    for _ in range(3):
        over = await sign_ins.login("ann@example.com", PASSWORD)
        await sign_ins.logout(over.refresh_token)
    await pruning.run({})
    assert len(await db.read(lambda tx: queries.list_sign_ins(tx, alive.account.id))) == 4
    set_end = statement(update(SignInRow).where(SignInRow.ended_at.is_not(None)).values(ended_at=bindparam("time", type_=UtcTime)))
    await db.write(lambda tx: tx.run(set_end, time=tx.now() - timedelta(days=31)))
    await pruning.run({})
    assert len(await db.read(lambda tx: queries.list_sign_ins(tx, alive.account.id))) == 1
    assert (await sign_ins.refresh(alive.refresh_token)).account.id == alive.account.id


async def test_a_second_live_token_of_a_sign_in_is_a_violation(container: AsyncContainer, register: Register, db: Database) -> None:
    account_id = (await register()).account.id
    assert await check_invariants(db, INVARIANTS) == []
    (sign_in,) = await db.read(lambda tx: queries.list_sign_ins(tx, account_id))
    await db.write(lambda tx: queries.insert_refresh_token(tx, new_id(), sign_in.id, b"x" * 32))
    assert [violation.code for violation in await check_invariants(db, INVARIANTS)] == ["INV-A2"]


async def test_a_registration_that_a_listener_refuses_leaves_nothing(container: AsyncContainer, register: Register, db: Database, told: list[Event]) -> None:
    registry = await container.get(Registry)

    def add_and_fail(tx: object) -> None:
        registry.add(tx, NewAccount(email="ann@example.com"))  # type: ignore[arg-type]
        raise InvalidEmail("as a subscriber inside would")

    with pytest.raises(InvalidEmail):
        await db.write(add_and_fail)
    assert (await register()).account.email == "ann@example.com"
