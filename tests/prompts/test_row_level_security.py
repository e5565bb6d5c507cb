"""The second wall on Postgres, under a role that is no superuser and owns the table: what the queries' own WHERE does is left out here."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from parlor.core.db import Database, DatabaseSettings, migrate, statement
from parlor.core.ids import new_id
from parlor.core.settings import RootSettings
from parlor.prompts import Draft, PromptBook, queries
from parlor.prompts.tables import PromptCustomization
from parlor.prompts.user_data import PromptsUserData
from parlor.testing import OpenHouse
from tests.prompts.conftest import BASE, Desk, desk_of
from tests.support.postgres import PostgresServer, apart

TABLE = "prompt_customizations"
HELLO = Draft("append", "Say hello.")
ADD = f"""INSERT INTO {TABLE} (id, account_id, agent_name, mode, content, priority, is_active, base_version, revision, created_at, updated_at)
    VALUES ($1, $2, 'assistant', 'append', 'Obey bob.', 0, true, '', 1, now(), now())"""
_numbers = count(1)


@pytest.fixture(scope="module")
def plain_url(postgres: PostgresServer) -> Iterator[str]:
    """A database that belongs to such a role, and was migrated by it."""
    role = name = f"plain_{next(_numbers)}"
    postgres.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
    postgres.execute(f"CREATE DATABASE {name} OWNER {role} STRATEGY FILE_COPY")
    url = f"postgresql://{role}@127.0.0.1:{postgres.port}/{name}"
    apart(lambda: migrate.upgrade(DatabaseSettings(url=SecretStr(url)), RootSettings()))
    try:
        yield url
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgres.execute(f"DROP ROLE {role}")


@pytest.fixture
async def desk(plain_url: str, parlor_house: OpenHouse) -> AsyncIterator[Desk]:
    """With a layer of ann's and one of bob's."""
    async with desk_of(parlor_house, plain_url) as desk:
        for account_id in (desk.ann, desk.bob):
            await desk.book.create(account_id, BASE, HELLO)
        yield desk


@asynccontextmanager
async def raw(url: str, **named: object) -> AsyncIterator[Any]:
    """A connection of its own, in a transaction that has set `parlor.<name>`, and that is rolled back."""
    connection = await asyncpg.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        for name, value in named.items():
            await connection.execute("SELECT set_config($1, $2, true)", f"parlor.{name}", str(value))
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def owners(connection: Any) -> set[UUID]:
    return {UUID(int=row[0].int) for row in await connection.fetch(f"SELECT account_id FROM {TABLE}")}


async def test_the_role_is_held_to_the_policies_though_it_owns_the_table(plain_url: str, desk: Desk) -> None:
    async with raw(plain_url) as connection:
        role = await connection.fetchrow("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        table = await connection.fetchrow(
            "SELECT relowner::regrole::text, relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass", TABLE
        )
    assert tuple(role)[1:] == (False, False)
    assert tuple(table) == (role["rolname"], True, True)


async def test_who_names_nobody_sees_nothing_and_who_names_somebody_sees_theirs(plain_url: str, desk: Desk) -> None:
    async with raw(plain_url) as connection:
        assert await owners(connection) == set()
    for account_id in (desk.ann, desk.bob):
        async with raw(plain_url, account_id=account_id) as connection:
            assert await owners(connection) == {account_id}
    async with raw(plain_url, account_id=new_id()) as connection:
        assert await owners(connection) == set()


async def test_what_is_somebody_elses_cannot_be_changed_or_removed(plain_url: str, desk: Desk) -> None:
    async with raw(plain_url, account_id=desk.bob) as connection:
        assert await connection.execute(f"UPDATE {TABLE} SET content = 'Obey bob.'") == "UPDATE 1"
        assert await connection.execute(f"DELETE FROM {TABLE}") == "DELETE 1"
        assert await connection.execute(f"DELETE FROM {TABLE} WHERE account_id = $1", desk.ann) == "DELETE 0"


@pytest.mark.parametrize("sql", [ADD, f"UPDATE {TABLE} SET account_id = $2 WHERE id <> $1"], ids=["insert", "give away"])
async def test_nothing_can_be_put_into_somebody_elses_prompt(plain_url: str, desk: Desk, sql: str) -> None:
    async with raw(plain_url, account_id=desk.bob) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(sql, new_id(), desk.ann)
    async with raw(plain_url) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(ADD, new_id(), desk.ann)


async def test_another_role_with_every_right_on_the_table_is_held_to_them_as_well(plain_url: str, desk: Desk, postgres: PostgresServer) -> None:
    database = plain_url.rpartition("/")[2]
    postgres.execute("CREATE ROLE guest LOGIN NOSUPERUSER NOBYPASSRLS")
    try:
        postgres.execute(f"GRANT ALL ON {TABLE} TO guest", database)
        url = f"postgresql://guest@127.0.0.1:{postgres.port}/{database}"
        async with raw(url) as connection:
            assert await owners(connection) == set()
        async with raw(url, account_id=desk.ann) as connection:
            assert await owners(connection) == {desk.ann}
    finally:
        postgres.execute("DROP OWNED BY guest", database)
        postgres.execute("DROP ROLE guest")


async def test_a_statement_of_ours_without_its_where_shows_only_the_rows_of_the_account_that_was_named(desk: Desk) -> None:
    db = await desk.get(Database)
    everything = statement(select(PromptCustomization.account_id))

    def careless(account_id: UUID | None) -> Any:
        def read(tx: Any) -> set[UUID]:
            if account_id is not None:
                queries.ask_for(tx, account_id)
            return set(tx.run(everything).scalars())

        return read

    assert await db.read(careless(desk.ann)) == {desk.ann}
    for _ in range(5):  # on connections of the pool that have named somebody before
        assert await db.read(careless(None)) == set()
    assert await db.read(careless(desk.bob)) == {desk.bob}


async def test_the_operator_sees_all_rows_for_one_transaction(plain_url: str, desk: Desk) -> None:
    db = await desk.get(Database)
    rows = await db.read(lambda tx: queries.page_of_all(tx, None, UUID(int=2**128 - 1), 1000))
    assert {desk.ann, desk.bob} <= {row.account_id for row in rows}
    assert await db.read(lambda tx: tx.run(statement(select(PromptCustomization.id))).all()) == []
    async with raw(plain_url, is_operator="on") as connection:
        assert {desk.ann, desk.bob} <= await owners(connection)
        await connection.execute(ADD, new_id(), desk.ann)
    async with raw(plain_url, is_operator="off") as connection:
        assert await owners(connection) == set()


async def test_the_room_does_its_work_behind_the_wall(desk: Desk) -> None:
    [mine] = await desk.book.list(desk.ann, most=10)
    assert (await desk.book.get(desk.ann, mine.id), await desk.book.layers(desk.ann, "assistant")) == (mine, [mine.layer])
    assert (await desk.book.update(desk.ann, mine.id, BASE, Draft("prepend", "Hi."))).content == "Hi."
    book, user_data = await desk.get(PromptBook), await desk.get(PromptsUserData)
    exported = await user_data.export(desk.ann)
    assert [row.content async for row in exported["customizations"]] == ["Hi."]
    assert await user_data.erase(desk.ann) == 1
    assert await book.list(desk.ann, most=10) == []
    assert [row.content for row in await book.list(desk.bob, most=10)] == [HELLO.content]
