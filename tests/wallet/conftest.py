"""The wallet room on a database of the test's own, with the accounts below it, and the same behind the real gate and router."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.util import await_only

from parlor.accounts.registry import NewAccount
from parlor.core.clock import Clock
from parlor.core.db import Database, DatabaseSettings, Transaction, statement
from parlor.core.db.opening import open_database
from parlor.core.events import Event, Events, Subscriber
from parlor.core.ids import new_id
from parlor.core.invariants import check_invariants
from parlor.core.jobs import Jobs
from parlor.core.settings import RootSettings
from parlor.wallet import Balance, Settlement, WalletService, WalletSettings
from parlor.wallet.checks import invariants
from parlor.wallet.tables import LedgerEntry
from tests.support.accounts import registry_of

BONUS = 5_000_000


_platform = statement(
    select(LedgerEntry.platform, func.sum(LedgerEntry.amount_micros).label("total")).where(LedgerEntry.platform.is_not(None)).group_by(LedgerEntry.platform)
)


class House:
    """Accounts and wallets on one database, as wiring would join them."""

    def __init__(self, db: Database, settings: WalletSettings | None = None) -> None:
        self.db = db
        self.told: list[Event] = []
        self.events = Events(db, Jobs())
        self.wallet = WalletService(db, settings or WalletSettings(), self.events)
        self._bare = registry_of(Events(db, Jobs()))

    def listen(self, *subscribers: Subscriber) -> None:
        self.events.bind([*subscribers, Subscriber("test.listener", "*", lambda _, event: self.told.append(event), inside=True)])

    async def bare_account(self, email: str | None = None) -> UUID:
        """An account from before there were wallets."""
        account = await self.db.write(lambda tx: self._bare.add(tx, NewAccount(email=email, username=f"u{new_id().hex}")))
        return account.id

    async def account(self, credit_micros: int = 0) -> UUID:
        """An account with its bonus and `credit_micros` in all."""
        account_id = await self.bare_account()

        def fill(tx: Transaction) -> None:
            self.wallet.ensure(tx, account_id)
            if more := credit_micros - BONUS:
                self.wallet.grant(tx, account_id, more, reference=f"for {account_id}")

        await self.db.write(fill)
        return account_id

    async def verify(self) -> None:
        assert await check_invariants(self.db, invariants()) == []


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    """Everything agrees when the test is over, whatever it did."""
    house = House(db)
    house.listen()
    yield house
    await house.verify()


@pytest.fixture
async def replicas(db: Database, database_settings: DatabaseSettings, root_settings: RootSettings, clock: Clock) -> AsyncIterator[Sequence[House]]:
    """Two processes on one database: two writers on SQLite, two pools on Postgres."""
    async with open_database(database_settings, root_settings, clock) as other:
        yield (House(db), House(other))


@contextmanager
def together(contenders: int) -> Iterator[Callable[[Transaction], None]]:
    """A place inside transactions where each waits until all have come. Postgres only: on SQLite writers never are inside at the same time."""
    barrier = asyncio.Barrier(contenders)

    def wait(tx: Transaction) -> None:
        if tx.is_postgres:
            await_only(asyncio.wait_for(barrier.wait(), 10))

    yield wait


async def outcomes(*work: Awaitable[Any]) -> tuple[list[Any], list[BaseException]]:
    """What succeeded, and what was raised."""
    done = await asyncio.gather(*work, return_exceptions=True)
    return [each for each in done if not isinstance(each, BaseException)], [each for each in done if isinstance(each, BaseException)]


def amounts(balance: Balance) -> tuple[int, int]:
    return balance.available_micros, balance.held_micros


async def hold(house: House, account_id: UUID, amount_micros: int, turn_id: UUID | None = None) -> UUID:
    found = turn_id or new_id()
    await house.db.write(lambda tx: house.wallet.hold(tx, account_id, amount_micros, turn_id=found))
    return found


async def settle(house: House, turn_id: UUID, cost_micros: int) -> Settlement:
    return await house.db.write(lambda tx: house.wallet.settle(tx, turn_id=turn_id, cost_micros=cost_micros, model="main/gpt-x", explanation="words"))


async def platform(db: Database) -> dict[str, int]:
    return {row.platform: int(row.total) for row in await db.read(lambda tx: tx.run(_platform).all())}
