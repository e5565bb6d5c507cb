"""When a key was last used: known within a minute, and written seldom."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from dishka import AsyncContainer

from parlor.accounts import api_key_queries as queries
from parlor.accounts.api_keys import ApiKeys, NewApiKey
from parlor.accounts.key_uses import KeyUses
from parlor.core.clock import Clock
from parlor.core.db import Database, Transaction
from parlor.testing import ManualClock
from tests.accounts.conftest import Register


@pytest.fixture
def clock() -> Clock:
    return ManualClock()


class Counting:
    """The database, and how often it was written to."""

    is_postgres = False

    def __init__(self, db: Database) -> None:
        self._db = db
        self.writes = 0
        self.written = asyncio.Event()

    async def read(self, fn: Callable[[Transaction], Any], /, *, snapshot: bool = False) -> Any:
        return await self._db.read(fn, snapshot=snapshot)

    async def write(self, fn: Callable[[Transaction], Any], /, *, bulk: bool = False) -> Any:
        assert bulk
        result = await self._db.write(fn, bulk=bulk)
        self.writes += 1
        self.written.set()
        return result

    async def scrub(self, tables: Collection[str]) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
async def keys(container: AsyncContainer, register: Register) -> list[tuple[UUID, UUID]]:
    account_id = (await register()).account.id
    service = await container.get(ApiKeys)
    return [(account_id, (await service.create(account_id, NewApiKey(name="n"))).key.id) for _ in range(2)]


async def used(db: Database, key: tuple[UUID, UUID]) -> datetime | None:
    found = await db.read(lambda tx: queries.find(tx, *key))
    assert found is not None
    return found.last_used_at


async def test_many_uses_are_one_write_and_a_key_is_written_once_a_minute(db: Database, clock: ManualClock, keys: list[tuple[UUID, UUID]]) -> None:
    counting = Counting(db)
    uses = KeyUses(counting, clock, gathering_seconds=0.01)
    first = clock.now()
    for _ in range(100):
        for _, key_id in keys:
            uses.note(key_id)
    async with asyncio.timeout(10):
        await counting.written.wait()
    assert [await used(db, key) for key in keys] == [first, first]
    clock.advance(30)
    uses.note(keys[0][1])
    counting.written.clear()
    clock.advance(31)
    async with asyncio.timeout(10):
        await counting.written.wait()
    assert [await used(db, key) for key in keys] == [first + timedelta(seconds=30), first]
    assert counting.writes == 2
    await uses.close()


async def test_another_process_that_was_faster_is_left_in_peace(db: Database, clock: ManualClock, keys: list[tuple[UUID, UUID]]) -> None:
    here, there = KeyUses(db, clock), KeyUses(db, clock)
    first = clock.now()
    here.note(keys[0][1])
    await here.close()
    clock.advance(59)
    there.note(keys[0][1])
    await there.close()
    assert await used(db, keys[0]) == first
    clock.advance(1)
    there.note(keys[0][1])
    await there.close()
    assert await used(db, keys[0]) == first + timedelta(seconds=60)


async def test_the_end_of_the_process_stores_what_is_left(db: Database, clock: ManualClock, keys: list[tuple[UUID, UUID]]) -> None:
    uses = KeyUses(db, clock, gathering_seconds=3600)
    uses.note(keys[1][1])
    await uses.close()
    assert await used(db, keys[1]) == clock.now()
    await uses.close()
