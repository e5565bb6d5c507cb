"""Every SQL statement about budgets.

Whoever counts a use has written the account's wallet row in the same transaction before, and so holds its lock: no two count at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, and_, bindparam, case, cast, delete, exists, func, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, in_ids, insert, statement
from parlor.wallet.tables import Budget, BudgetUse, HoldRow, Wallet

NOBODY = UUID(int=0)
"""In the place of a key where there is none, and of a hold to leave out: no row has this id."""


def _id(name: str) -> Any:
    return bindparam(name, type_=Id())


def _micros(name: str) -> Any:
    return bindparam(name, type_=BigInteger())


def _text(name: str) -> Any:
    return bindparam(name, type_=String())


_limits = statement(
    select(Budget.owner_id, Budget.period, Budget.limit_micros)
    .where(or_(Budget.owner_id == _id("account"), Budget.owner_id == _id("key")))
    .order_by(Budget.owner_id, Budget.period)
)


def limits(tx: Transaction, account_id: UUID, api_key_id: UUID | None) -> Sequence[Any]:
    """All budgets that count for a hold of this account with this key."""
    return tx.run(_limits, account=account_id, key=api_key_id or NOBODY).all()


_this_use = and_(BudgetUse.owner_id == _id("owner"), BudgetUse.period == _text("of_period"), BudgetUse.starts_on == _text("start"))
_count = statement(
    update(BudgetUse)
    .where(_this_use, BudgetUse.used_micros + _micros("amount") <= _micros("most"))
    .values(used_micros=BudgetUse.used_micros + _micros("amount"))
    .returning(BudgetUse.used_micros)
)
_used = statement(select(BudgetUse.used_micros).where(_this_use))


def count(tx: Transaction, owner_id: UUID, period: str, starts_on: str, amount_micros: int, limit_micros: int) -> bool:
    """False when the budget does not have that much left, or its period has no row yet: one statement looks and writes."""
    values = {"owner": owner_id, "of_period": period, "start": starts_on, "amount": amount_micros, "most": limit_micros}
    return tx.run(_count, **values).one_or_none() is not None


def used(tx: Transaction, owner_id: UUID, period: str, starts_on: str) -> int | None:
    """None when the period has no row yet."""
    return tx.run(_used, owner=owner_id, of_period=period, start=starts_on).scalar_or_none()


_spent = cast(func.coalesce(func.sum(case((HoldRow.state == "open", HoldRow.amount_micros), else_=HoldRow.charge_micros)), 0), BigInteger)


def _opening(*whose: ColumnElement[bool]) -> Any:
    spent = select(_id("owner"), cast(_text("of_period"), String), cast(_text("start"), String), _spent).where(
        HoldRow.account_id == _id("account"),
        HoldRow.created_at >= bindparam("since", type_=UtcTime()),
        HoldRow.created_at < bindparam("until", type_=UtcTime()),
        HoldRow.id != _id("but"),
        *whose,
    )
    columns = ["owner_id", "period", "starts_on", "used_micros"]
    return statement(insert(BudgetUse).from_select(columns, spent, include_defaults=False).on_conflict_do_nothing())


_open_for_account = _opening()
_open_for_key = _opening(HoldRow.api_key_id == _id("owner"))


def open_period(
    tx: Transaction, account_id: UUID, owner_id: UUID, period: str, starts_on: str, *, since: datetime, until: datetime, but: UUID = NOBODY
) -> None:
    """The row of a period, if there is none: with what the holds since its beginning, `but` that one, have come to or hold."""
    opening = _open_for_account if owner_id == account_id else _open_for_key
    tx.run(opening, account=account_id, owner=owner_id, of_period=period, start=starts_on, since=since, until=until, but=but)


def _starts(period: str, name: str) -> ColumnElement[bool]:
    return and_(BudgetUse.period == period, BudgetUse.starts_on == _text(name))


_give_back = statement(
    update(BudgetUse)
    .where(
        or_(BudgetUse.owner_id == _id("account"), BudgetUse.owner_id == _id("key")),
        or_(_starts("day", "day"), _starts("month", "month"), _starts("total", "total")),
    )
    .values(used_micros=BudgetUse.used_micros - _micros("amount"))
)


def give_back(tx: Transaction, account_id: UUID, api_key_id: UUID | None, starts: Mapping[str, str], amount_micros: int) -> None:
    """To all periods that `starts` names and that are counted."""
    tx.run(_give_back, account=account_id, key=api_key_id or NOBODY, amount=amount_micros, **starts)


_lock = statement(update(Wallet).where(Wallet.account_id == _id("account")).values(has_budget=True))
_mark = statement(
    update(Wallet).where(Wallet.account_id == _id("account")).values(has_budget=exists(select(Budget.owner_id).where(Budget.account_id == _id("account"))))
)
_new_budget = insert(Budget).values(columns_of(Budget, "owner_id", "period", "account_id", "limit_micros", "updated_at"))
_set = statement(
    _new_budget.on_conflict_do_update(
        index_elements=[Budget.owner_id, Budget.period],
        set_={"limit_micros": _new_budget.excluded.limit_micros, "updated_at": _new_budget.excluded.updated_at},
    )
)
_remove_uses = statement(delete(BudgetUse).where(BudgetUse.owner_id == _id("owner"), BudgetUse.period == _text("of_period")))
_remove = statement(delete(Budget).where(Budget.owner_id == _id("owner"), Budget.period == _text("of_period")))


def lock_wallet(tx: Transaction, account_id: UUID) -> None:
    """Until the end of the transaction no credit of the account is held or settled; `mark_wallet` comes last."""
    tx.run(_lock, account=account_id)


def mark_wallet(tx: Transaction, account_id: UUID) -> None:
    tx.run(_mark, account=account_id)


def set_limit(tx: Transaction, account_id: UUID, owner_id: UUID, period: str, limit_micros: int) -> None:
    tx.run(_set, owner_id=owner_id, period=period, account_id=account_id, limit_micros=limit_micros, updated_at=tx.now())


def remove(tx: Transaction, owner_id: UUID, period: str) -> None:
    tx.run(_remove_uses, owner=owner_id, of_period=period)
    tx.run(_remove, owner=owner_id, of_period=period)


_all_of_account = statement(
    select(Budget.owner_id, Budget.period, Budget.limit_micros).where(Budget.account_id == _id("account")).order_by(Budget.owner_id, Budget.period)
)


def all_of_account(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    """Its own and those of its keys."""
    return tx.run(_all_of_account, account=account_id).all()


_totals = statement(
    select(Budget.owner_id, Budget.limit_micros, func.coalesce(BudgetUse.used_micros, 0).label("used_micros"))
    .select_from(Budget)
    .outerjoin(BudgetUse, and_(BudgetUse.owner_id == Budget.owner_id, BudgetUse.period == Budget.period))
    .where(in_ids(Budget.owner_id, "owners"), Budget.period == "total")
)


def totals(tx: Transaction, owner_ids: Sequence[UUID]) -> Sequence[Any]:
    return tx.run(_totals, owners=list(owner_ids)).all()


_erase_uses = statement(delete(BudgetUse).where(BudgetUse.owner_id.in_(select(Budget.owner_id).where(Budget.account_id == _id("account")))))
_erase = statement(delete(Budget).where(Budget.account_id == _id("account")).returning(Budget.owner_id))


def remove_all(tx: Transaction, account_id: UUID) -> int:
    """Those of the account and of its keys. Returns how many."""
    lock_wallet(tx, account_id)
    tx.run(_erase_uses, account=account_id)
    removed = tx.run(_erase, account=account_id).all()
    mark_wallet(tx, account_id)
    return len(removed)
