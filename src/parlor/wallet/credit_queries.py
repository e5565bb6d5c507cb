"""The SQL of refunds and notes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, cast, delete, func, or_, select

from parlor.core.db import Transaction, columns_of, insert, statement
from parlor.wallet.tables import HoldRow, LedgerEntry, LedgerNote, LedgerTransaction, Refund

_add_note = statement(insert(LedgerNote).values(columns_of(LedgerNote, "transaction_id", "account_id", "made_by", "note")))

_transaction_of = statement(select(LedgerEntry.transaction_id).where(LedgerEntry.id == bindparam("entry"), LedgerEntry.account_id == bindparam("account")))

_lock_charge = statement(
    select(HoldRow.id, HoldRow.turn_id, HoldRow.charge_micros, LedgerTransaction.model)
    .join(LedgerTransaction, LedgerTransaction.id == HoldRow.id)
    .where(HoldRow.id == bindparam("id"), HoldRow.account_id == bindparam("account"), HoldRow.charge_micros > 0)
    .with_for_update(of=HoldRow)
)

_add_refund = statement(insert(Refund).values(columns_of(Refund, "transaction_id", "charge_id", "amount_micros")))

_find_refund = statement(
    select(Refund.charge_id, Refund.amount_micros)
    .join(LedgerTransaction, LedgerTransaction.id == Refund.transaction_id)
    .where(LedgerTransaction.kind == "refund", LedgerTransaction.reference == bindparam("reference"))
)

_refunded = statement(
    select(cast(func.coalesce(func.sum(Refund.amount_micros), 0), BigInteger).label("amount_micros")).where(Refund.charge_id == bindparam("charge"))
)

_refunds_of = statement(
    select(LedgerTransaction.reference, Refund.charge_id, Refund.amount_micros, LedgerTransaction.turn_id, LedgerTransaction.created_at)
    .join(LedgerEntry, LedgerEntry.transaction_id == Refund.transaction_id)
    .join(LedgerTransaction, LedgerTransaction.id == Refund.transaction_id)
    .where(LedgerEntry.account_id == bindparam("account"), LedgerTransaction.kind == "refund")
    .order_by(LedgerEntry.number)
)

_remove_notes = statement(
    delete(LedgerNote)
    .where(or_(LedgerNote.account_id == bindparam("account"), LedgerNote.made_by == bindparam("account")))
    .returning(LedgerNote.transaction_id)
)


def add_note(tx: Transaction, **values: Any) -> None:
    tx.run(_add_note, **values)


def transaction_of(tx: Transaction, account_id: UUID, entry_id: UUID) -> UUID | None:
    """The transaction that an entry of this account belongs to."""
    return tx.run(_transaction_of, account=account_id, entry=entry_id).scalar_or_none()


def lock_charge(tx: Transaction, charge_id: UUID, account_id: UUID) -> Any:
    """What this account was charged, locked at its hold until this transaction ends; None when it was charged nothing under that id."""
    return tx.run(_lock_charge, id=charge_id, account=account_id).one_or_none()


def add_refund(tx: Transaction, **values: Any) -> None:
    tx.run(_add_refund, **values)


def find_refund(tx: Transaction, reference: str) -> Any:
    return tx.run(_find_refund, reference=reference).one_or_none()


def refunded(tx: Transaction, charge_id: UUID) -> int:
    """How much of a charge was given back so far."""
    return tx.run(_refunded, charge=charge_id).scalar()


def refunds_of(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    """What this account got back, the oldest first."""
    return tx.run(_refunds_of, account=account_id).all()


def remove_notes(tx: Transaction, account_id: UUID) -> int:
    """About this account, and by it."""
    return len(tx.run(_remove_notes, account=account_id).all())
