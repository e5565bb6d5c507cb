"""What is particular to Postgres: connections that are refused, lost or taken, and transactions that it asks to try again."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Integer, bindparam, select, text, update

from parlor.core.clock import SystemClock
from parlor.core.db import Database, DatabaseSettings, Transaction, columns_of, insert, statement
from parlor.core.db.opening import open_database
from parlor.core.errors import Unavailable
from parlor.core.ids import new_id
from parlor.core.settings import RootSettings
from tests.core.db.conftest import Specimen
from tests.support.postgres import PostgresServer

_insert = statement(insert(Specimen).values(columns_of(Specimen, "id", "label", "count")))
_count_up = statement(update(Specimen).where(Specimen.id == bindparam("specimen_id")).values(count=Specimen.count + bindparam("more", type_=Integer())))
_counts = statement(select(Specimen.count).order_by(Specimen.id))
_end_others = statement(text("SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"))


@pytest.fixture
def engine() -> str:
    return "postgres"


async def opened(url: str, **settings: Any) -> None:
    async with open_database(DatabaseSettings(url=SecretStr(url), **settings), RootSettings(), SystemClock()):
        pass


async def test_a_server_that_is_not_there_is_told_without_the_password(postgres: PostgresServer) -> None:
    with pytest.raises(Unavailable, match="PARLOR_DATABASE__URL") as caught:
        await opened("postgresql://user:hunter2@127.0.0.1:9/name", pool_timeout_seconds=2)
    assert "hunter2" not in str(caught.value)


async def test_a_database_that_is_not_there_is_told(postgres: PostgresServer) -> None:
    with pytest.raises(Unavailable, match="no database of that name"):
        await opened(postgres.url("nobody_made_this"))


async def test_a_connection_that_was_cut_is_replaced(specimens: Database) -> None:
    """As after a restart of the server: what was under way fails as unavailable, the next call works."""
    await specimens.write(lambda tx: tx.run(_insert, id=new_id(), label="before", count=0))

    def cut_while_waiting(tx: Transaction) -> None:
        tx.run(_insert, id=new_id(), label="lost", count=0)
        from sqlalchemy.util import await_only

        await_only(specimens.write(lambda other: other.run(_end_others)))
        tx.run(_counts)

    with pytest.raises(Unavailable):
        await specimens.write(cut_while_waiting)
    assert await specimens.read(lambda tx: tx.run(_counts).scalars()) == [0]


async def test_when_all_connections_are_taken_the_next_caller_is_told_to_come_back(database_url: str) -> None:
    settings = DatabaseSettings(url=SecretStr(database_url), pool_size=1, pool_timeout_seconds=0.2)
    sleep = statement(text("SELECT CAST(pg_sleep(1) AS text) AS slept"))
    async with open_database(settings, RootSettings(), SystemClock()) as db:
        busy = asyncio.ensure_future(db.read(lambda tx: tx.run(sleep)))
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="No connection") as caught:
            await db.read(lambda tx: tx.run(sleep))
        assert caught.value.facts["retry_after_seconds"] > 0
        await busy
        assert await db.read(lambda tx: tx.now()) is not None


async def test_a_statement_that_takes_too_long_is_given_up(database_url: str) -> None:
    settings = DatabaseSettings(url=SecretStr(database_url), statement_timeout_seconds=0.2)
    sleep = statement(text("SELECT CAST(pg_sleep(20) AS text) AS slept"))
    async with open_database(settings, RootSettings(), SystemClock()) as db:
        with pytest.raises(Unavailable):
            await db.write(lambda tx: tx.run(sleep))
        assert await db.write(lambda tx: tx.now()) is not None


async def test_a_deadlock_is_tried_again_until_both_are_through(specimens: Database) -> None:
    """Each holds its first row until the other has its own: then each wants the other's."""
    first, second = new_id(), new_id()
    for specimen_id in (first, second):
        await specimens.write(lambda tx, specimen_id=specimen_id: tx.run(_insert, id=specimen_id, label="row", count=0))
    both_hold = asyncio.Barrier(2)
    runs = 0

    async def cross(one: Any, other: Any) -> None:
        is_first_try = True

        def step(tx: Transaction) -> None:
            nonlocal is_first_try, runs
            runs += 1
            tx.run(_count_up, specimen_id=one, more=1)
            if is_first_try:
                from sqlalchemy.util import await_only

                is_first_try = False
                await_only(both_hold.wait())
            tx.run(_count_up, specimen_id=other, more=1)

        await specimens.write(step)

    await asyncio.wait_for(asyncio.gather(cross(first, second), cross(second, first)), 30)
    assert await specimens.read(lambda tx: tx.run(_counts).scalars()) == [2, 2]
    assert runs == 3, "one of the two was asked to try again"
