"""Questions about erasures: what was asked for, how far it is, and which addresses had an account before."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, select, update

from parlor.accounts.tables import ErasedAddressRow, ErasureRow
from parlor.core.db import Id, Json, Transaction, UtcTime, columns_of, insert, statement


class StoredErasure(NamedTuple):
    """`erased_at` is None until everything was removed once; `receipt` counts by module."""

    id: UUID
    account_id: UUID
    requested_at: datetime
    erased_at: datetime | None
    receipt: dict[str, int]


_COLUMNS = (ErasureRow.id, ErasureRow.account_id, ErasureRow.requested_at, ErasureRow.erased_at, ErasureRow.receipt)

_insert = statement(insert(ErasureRow).values(columns_of(ErasureRow, "id", "account_id", "requested_at", "erased_at", "receipt")))


def insert_erasure(tx: Transaction, erasure_id: UUID, account_id: UUID) -> None:
    tx.run(_insert, id=erasure_id, account_id=account_id, requested_at=tx.now(), erased_at=None, receipt={})


_by_id = select(*_COLUMNS).where(ErasureRow.id == bindparam("erasure_id", type_=Id()))
_find = statement(_by_id)
_lock = statement(sqlite=_by_id, postgres=_by_id.with_for_update())
_of_account = statement(select(*_COLUMNS).where(ErasureRow.account_id == bindparam("account_id")))


def get_erasure(tx: Transaction, erasure_id: UUID) -> StoredErasure:
    return StoredErasure(*tx.run(_find, erasure_id=erasure_id).one())


def find_erasure_of(tx: Transaction, account_id: UUID) -> StoredErasure | None:
    row = tx.run(_of_account, account_id=account_id).one_or_none()
    return None if row is None else StoredErasure(*row)


_set_receipt = statement(update(ErasureRow).where(ErasureRow.id == bindparam("erasure_id", type_=Id())).values(receipt=bindparam("counts", type_=Json())))


def add_to_receipt(tx: Transaction, erasure_id: UUID, counts: Mapping[str, int]) -> None:
    receipt = dict(tx.run(_lock, erasure_id=erasure_id).one().receipt)
    for name, count in counts.items():
        receipt[name] = receipt.get(name, 0) + count
    tx.run(_set_receipt, erasure_id=erasure_id, counts=receipt)


_finish = statement(
    update(ErasureRow)
    .where(ErasureRow.id == bindparam("erasure_id", type_=Id()), ErasureRow.erased_at.is_(None))
    .values(erased_at=bindparam("now", type_=UtcTime()))
    .returning(*_COLUMNS)
)


def finish_erasure(tx: Transaction, erasure_id: UUID) -> StoredErasure | None:
    """None when that was said before."""
    row = tx.run(_finish, erasure_id=erasure_id, now=tx.now()).one_or_none()
    return None if row is None else StoredErasure(*row)


_remember = statement(
    insert(ErasedAddressRow).values(columns_of(ErasedAddressRow, "mark", "erased_at")).on_conflict_do_nothing().returning(ErasedAddressRow.mark)
)
_knows = statement(select(ErasedAddressRow.mark).where(ErasedAddressRow.mark == bindparam("mark")))
_old = select(ErasedAddressRow.mark).where(ErasedAddressRow.erased_at < bindparam("before", type_=UtcTime())).limit(bindparam("most", type_=Integer()))
_forget = statement(delete(ErasedAddressRow).where(ErasedAddressRow.mark.in_(_old)).returning(ErasedAddressRow.mark))


def remember_address(tx: Transaction, mark: bytes) -> None:
    tx.run(_remember, mark=mark, erased_at=tx.now())


def knows_address(tx: Transaction, mark: bytes) -> bool:
    return bool(tx.run(_knows, mark=mark).all())


def forget_addresses(tx: Transaction, before: datetime, most: int) -> int:
    """Marks that are older; how many were removed."""
    return len(tx.run(_forget, before=before, most=most).all())
