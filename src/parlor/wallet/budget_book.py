"""Setting and reading budgets: an administrator's for accounts, an owner's for their API keys."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory, AccountNotFound, KeyBudget
from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.wallet import budget_queries as queries
from parlor.wallet.budgets import PERIODS, Period, bounds, starts_at
from parlor.wallet.events import BudgetChanged
from parlor.wallet.service import WalletService

Limits = Mapping[Period, int | None]
"""What is not named stays; None takes a budget away."""


class BudgetState(msgspec.Struct, frozen=True):
    """`starts_anew_at` is None for the budget of the whole time."""

    limit_micros: int
    used_micros: int
    starts_anew_at: datetime | None


class BudgetBook:
    """Also what accounts ask about the budgets of API keys (`KeyBudgets`)."""

    def __init__(self, db: Database, wallet: WalletService, directory: AccountDirectory, events: Events) -> None:
        self._db = db
        self._wallet = wallet
        self._directory = directory
        self._events = events

    async def read(self, account_id: UUID, owner_id: UUID | None = None) -> Mapping[Period, BudgetState]:
        """Of the account, or of its key `owner_id`. Raises AccountNotFound."""

        def read(tx: Transaction) -> Mapping[Period, BudgetState]:
            self._check_account(tx, account_id)
            return _states(tx, account_id, owner_id or account_id)

        return await self._db.read(read)

    async def change(self, account_id: UUID, limits: Limits, owner_id: UUID | None = None) -> Mapping[Period, BudgetState]:
        """Counts for what begins or grows afterwards; what was spent in a period before it had a budget is counted. Raises AccountNotFound."""

        def change(tx: Transaction) -> Mapping[Period, BudgetState]:
            self._check_account(tx, account_id)
            self.set(tx, account_id, owner_id or account_id, limits)
            return _states(tx, account_id, owner_id or account_id)

        return await self._db.write(change)

    def set(self, tx: Transaction, account_id: UUID, owner_id: UUID, limits: Limits) -> None:
        """Part of the caller's transaction. `owner_id` is the account, or a key of it."""
        self._wallet.ensure(tx, account_id)
        queries.lock_wallet(tx, account_id)
        starts, now = starts_at(tx.now()), tx.now()
        for period, limit_micros in limits.items():
            if limit_micros is None:
                queries.remove(tx, owner_id, period)
            else:
                queries.set_limit(tx, account_id, owner_id, period, limit_micros)
                since, until = bounds(period, now)
                queries.open_period(tx, account_id, owner_id, period, starts[period], since=since, until=until)
        queries.mark_wallet(tx, account_id)
        self._events.record(tx, BudgetChanged(account_id=account_id, owner_id=owner_id, limits={**limits}))

    def of(self, tx: Transaction, key_ids: Iterable[UUID], /) -> Mapping[UUID, KeyBudget]:
        """The budgets of the whole time of those of these keys that have one."""
        return {row.owner_id: KeyBudget(row.limit_micros, row.used_micros) for row in queries.totals(tx, list(key_ids))}

    def _check_account(self, tx: Transaction, account_id: UUID) -> None:
        if self._directory.find(tx, account_id) is None:
            raise AccountNotFound


def _states(tx: Transaction, account_id: UUID, owner_id: UUID) -> Mapping[Period, BudgetState]:
    limits = {row.period: row.limit_micros for row in queries.all_of_account(tx, account_id) if row.owner_id == owner_id}
    starts, now = starts_at(tx.now()), tx.now()
    return {
        period: BudgetState(
            limits[period],
            queries.used(tx, owner_id, period, starts[period]) or 0,
            None if period == "total" else bounds(period, now)[1],
        )
        for period in PERIODS
        if period in limits
    }
