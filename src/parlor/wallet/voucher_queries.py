"""The SQL of vouchers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, and_, bindparam, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement
from parlor.wallet.tables import LedgerEntry, Voucher, VoucherUse

_COLUMNS = ("id", "code_end", "amount_micros", "max_uses", "use_count", "expires_at", "revoked_at", "note", "made_by", "created_at")
_VOUCHER = tuple(Voucher.__table__.c[name] for name in _COLUMNS)

_add = statement(
    insert(Voucher)
    .values(
        **columns_of(Voucher, "id", "code_hash", "code_end", "amount_micros", "max_uses", "expires_at", "note", "made_by", "created_at"),
        use_count=0,
        revoked_at=None,
    )
    .on_conflict_do_nothing()
    .returning(*_VOUCHER)
)

_get = statement(select(*_VOUCHER).where(Voucher.id == bindparam("id")))

_find = statement(select(Voucher.id).where(Voucher.code_hash == bindparam("code_hash")))

_take_use = statement(
    update(Voucher)
    .where(
        Voucher.id == bindparam("voucher", type_=Id()),
        Voucher.use_count < Voucher.max_uses,
        Voucher.revoked_at.is_(None),
        or_(Voucher.expires_at.is_(None), Voucher.expires_at > bindparam("now", type_=UtcTime())),
    )
    .values(use_count=Voucher.use_count + 1)
    .returning(Voucher.amount_micros)
)

_add_use = statement(insert(VoucherUse).values(columns_of(VoucherUse, "voucher_id", "account_id", "transaction_id", "used_at")))

_is_used_by = statement(select(VoucherUse.voucher_id).where(VoucherUse.voucher_id == bindparam("voucher"), VoucherUse.account_id == bindparam("account")))

_revoke = statement(
    update(Voucher)
    .where(Voucher.id == bindparam("voucher", type_=Id()), Voucher.revoked_at.is_(None))
    .values(revoked_at=bindparam("now", type_=UtcTime()))
    .returning(*_VOUCHER)
)

_page = statement(select(*_VOUCHER).where(Voucher.id < bindparam("before")).order_by(Voucher.id.desc()).limit(bindparam("most", type_=Integer())))

_used_by = statement(
    select(VoucherUse.voucher_id, VoucherUse.used_at, LedgerEntry.amount_micros)
    .join(LedgerEntry, (LedgerEntry.transaction_id == VoucherUse.transaction_id) & (LedgerEntry.account_id == VoucherUse.account_id))
    .where(VoucherUse.account_id == bindparam("account"))
    .order_by(VoucherUse.used_at, VoucherUse.voucher_id)
)

_of_one_use = select(VoucherUse.voucher_id).where(VoucherUse.account_id == bindparam("account"))
_clear_notes = statement(
    update(Voucher)
    .where(Voucher.note.is_not(None), or_(Voucher.made_by == bindparam("account"), and_(Voucher.max_uses == 1, Voucher.id.in_(_of_one_use))))
    .values(note=None)
    .returning(Voucher.id)
)


def add(tx: Transaction, **values: Any) -> Any:
    """The new voucher; None when there is one with that code, or that id."""
    return tx.run(_add, **values, created_at=tx.now()).one_or_none()


def get(tx: Transaction, voucher_id: UUID) -> Any:
    """None when there is none."""
    return tx.run(_get, id=voucher_id).one_or_none()


def find_by_code(tx: Transaction, code_hash: bytes) -> UUID | None:
    return tx.run(_find, code_hash=code_hash).scalar_or_none()


def take_use(tx: Transaction, voucher_id: UUID) -> int | None:
    """What one more use of the voucher is worth; None when it has no more. One statement, so that the last use has one user."""
    return tx.run(_take_use, voucher=voucher_id, now=tx.now()).scalar_or_none()


def add_use(tx: Transaction, voucher_id: UUID, account_id: UUID, transaction_id: UUID) -> None:
    tx.run(_add_use, voucher_id=voucher_id, account_id=account_id, transaction_id=transaction_id, used_at=tx.now())


def is_used_by(tx: Transaction, voucher_id: UUID, account_id: UUID) -> bool:
    return tx.run(_is_used_by, voucher=voucher_id, account=account_id).one_or_none() is not None


def revoke(tx: Transaction, voucher_id: UUID) -> Any:
    """The voucher, if it was revoked now."""
    return tx.run(_revoke, voucher=voucher_id, now=tx.now()).one_or_none()


def page(tx: Transaction, before: UUID, most: int) -> Sequence[Any]:
    """The newest first."""
    return tx.run(_page, before=before, most=most).all()


def used_by(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    return tx.run(_used_by, account=account_id).all()


def clear_notes(tx: Transaction, account_id: UUID) -> int:
    """Of vouchers that this account has made, and of those that were for it alone."""
    return len(tx.run(_clear_notes, account=account_id).all())
