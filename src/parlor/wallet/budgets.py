"""Budgets: the most that an account, or one of its API keys, may spend in a day, in a month or altogether.

A period's use is what its holds were charged and what is still held, by the UTC day on which each hold began: a turn across midnight belongs to the day
before. So a use can always be told again from the holds; `budget_uses` only saves adding them up.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.wallet import budget_queries as queries
from parlor.wallet.errors import BudgetExceeded

Period = Literal["day", "month", "total"]
PERIODS: tuple[Period, ...] = ("day", "month", "total")

_FOREVER = "0001-01-01"
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def starts_at(moment: datetime) -> Mapping[str, str]:
    """The key of each period in which that moment is."""
    day = f"{moment.astimezone(UTC):%Y-%m-%d}"
    return {"day": day, "month": f"{day[:7]}-01", "total": _FOREVER}


def bounds(period: str, moment: datetime) -> tuple[datetime, datetime]:
    """The beginnings of the period around that moment and of the next one."""
    if period == "total":
        return _FIRST, _LAST
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day, datetime.fromordinal(day.toordinal() + 1).replace(tzinfo=UTC)
    first = day.replace(day=1)
    return first, first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


class Spending(msgspec.Struct, frozen=True):
    """By whom and when: this says to which budgets and periods a hold belongs, from its beginning to its end."""

    hold_id: UUID
    account_id: UUID
    api_key_id: UUID | None
    began_at: datetime

    @classmethod
    def of(cls, hold: Any) -> "Spending":
        """From a row of the holds."""
        return cls(hold.id, hold.account_id, hold.api_key_id, hold.created_at)


def count(tx: Transaction, spending: Spending, amount_micros: int, *, is_new: bool) -> None:
    """Take `amount_micros` out of every budget. Raises BudgetExceeded: the transaction must then be rolled back.

    The caller has written the wallet before. `is_new`: the row of the hold has this amount already, else what it had before.
    """
    starts = starts_at(spending.began_at)
    for budget in queries.limits(tx, spending.account_id, spending.api_key_id):
        period = (budget.owner_id, budget.period, starts[budget.period])
        if queries.count(tx, *period, amount_micros, budget.limit_micros):
            continue
        if queries.used(tx, *period) is None:
            since, until = bounds(budget.period, spending.began_at)
            but = spending.hold_id if is_new else queries.NOBODY
            queries.open_period(tx, spending.account_id, *period, since=since, until=until, but=but)
            if queries.count(tx, *period, amount_micros, budget.limit_micros):
                continue
        raise _exceeded(tx, spending, budget, amount_micros)


def give_back(tx: Transaction, spending: Spending, amount_micros: int) -> None:
    """What was taken and not spent, to the same periods. The caller has written the wallet before."""
    if amount_micros:
        queries.give_back(tx, spending.account_id, spending.api_key_id, starts_at(spending.began_at), amount_micros)


def _exceeded(tx: Transaction, spending: Spending, budget: Any, amount_micros: int) -> BudgetExceeded:
    starts_anew_at = None if budget.period == "total" else bounds(budget.period, spending.began_at)[1]
    return BudgetExceeded(
        owner="account" if budget.owner_id == spending.account_id else "api_key",
        period=budget.period,
        limit_micros=budget.limit_micros,
        used_micros=queries.used(tx, budget.owner_id, budget.period, starts_at(spending.began_at)[budget.period]) or 0,
        needed_micros=amount_micros,
        starts_anew_at=starts_anew_at,
    )
