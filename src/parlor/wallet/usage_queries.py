"""Every SQL statement about usage: sums over the holds that were settled, by the time at which they began."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, bindparam, cast, func, literal_column, select

from parlor.core.db import Id, Statement, Transaction, UtcTime, statement
from parlor.wallet.tables import HoldRow

SLOT_SECONDS = 900
"""Borders of days are at whole quarters of an hour UTC, wherever one lives."""
_DAY_SECONDS = 86_400
_A_DAY = timedelta(days=1)

_KEYS = {"model": HoldRow.model, "agent": HoldRow.agent, "session": HoldRow.session_id, "api_key": HoldRow.api_key_id, "user": HoldRow.account_id}


def _sum(column: Any, name: str) -> Any:
    return cast(func.sum(column), BigInteger).label(name)


_amount = _sum(HoldRow.charge_micros, "amount_micros")
_SUMS = (func.count().label("turns"), _sum(HoldRow.input_tokens, "input_tokens"), _sum(HoldRow.output_tokens, "output_tokens"), _amount)
_settled = (
    HoldRow.state == "settled",
    HoldRow.created_at >= bindparam("since", type_=UtcTime()),
    HoldRow.created_at < bindparam("until", type_=UtcTime()),
)
_of_account = HoldRow.account_id == bindparam("account", type_=Id())
_not_before = HoldRow.id >= bindparam("first_id", type_=Id())
"""Over all accounts the key's own tree is read, from about the beginning: ids of holds are in the order of time."""


def _by_key(name: str, whose: Any) -> Statement:
    key = _KEYS[name].label("key")
    found = select(key, *_SUMS).where(whose, *_settled).group_by(_KEYS[name])
    return statement(found.order_by(_amount.desc(), key).limit(bindparam("most", type_=Integer())))


def _by_slot(seconds: int, whose: Any) -> Statement:
    def found(slot: str) -> Any:
        number = literal_column(slot, BigInteger)
        return select(number.label("key"), *_SUMS).where(whose, *_settled).group_by(number).order_by(number)

    return statement(
        sqlite=found(f"holds.created_at / {seconds * 1_000_000}"),
        postgres=found(f"CAST(FLOOR(EXTRACT(EPOCH FROM holds.created_at) / {seconds}) AS BIGINT)"),
    )


_keys_of_account: Mapping[str, Statement] = {name: _by_key(name, _of_account) for name in _KEYS}
_keys_of_all: Mapping[str, Statement] = {name: _by_key(name, _not_before) for name in _KEYS}
_slots_of_account = {seconds: _by_slot(seconds, _of_account) for seconds in (SLOT_SECONDS, _DAY_SECONDS)}
_slots_of_all = {seconds: _by_slot(seconds, _not_before) for seconds in (SLOT_SECONDS, _DAY_SECONDS)}


def by_key(tx: Transaction, name: str, account_id: UUID | None, since: datetime, until: datetime, most: int) -> Sequence[Any]:
    """What cost most first. Without an account: over all of them."""
    of_whom, statements = _whose(account_id, since, _keys_of_account, _keys_of_all)
    return tx.run(statements[name], **of_whom, since=since, until=until, most=most).all()


def by_slot(tx: Transaction, account_id: UUID | None, since: datetime, until: datetime, *, whole_days: bool) -> Sequence[Any]:
    """`key` numbers the days since 1970 in UTC, or the quarters of an hour."""
    of_whom, statements = _whose(account_id, since, _slots_of_account, _slots_of_all)
    return tx.run(statements[_DAY_SECONDS if whole_days else SLOT_SECONDS], **of_whom, since=since, until=until).all()


def _whose(account_id: UUID | None, since: datetime, of_account: Any, of_all: Any) -> tuple[dict[str, UUID], Any]:
    if account_id is not None:
        return {"account": account_id}, of_account
    milliseconds = int((since - _A_DAY).timestamp() * 1000)
    return {"first_id": UUID(int=max(milliseconds, 0) << 80)}, of_all
