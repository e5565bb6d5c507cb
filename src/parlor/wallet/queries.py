"""Every SQL statement of the wallet, but those that check it (checks.py)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, String, bindparam, case, func, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement
from parlor.wallet.purpose import HoldFor
from parlor.wallet.tables import HoldRow, LedgerEntry, LedgerNote, LedgerTransaction, Wallet

_POSTED = (Wallet.available_micros + Wallet.held_micros).label("posted_micros")


def _micros(name: str) -> Any:
    return bindparam(name, type_=BigInteger())


_open = statement(
    insert(Wallet)
    .values(**columns_of(Wallet, "account_id", "available_micros", "entry_count", "created_at"), held_micros=0)
    .on_conflict_do_nothing()
    .returning(Wallet.account_id)
)

_find = statement(select(Wallet.account_id, Wallet.available_micros, Wallet.held_micros).where(Wallet.account_id == bindparam("account_id")))

_move_to_hold = statement(
    update(Wallet)
    .where(Wallet.account_id == bindparam("account"), Wallet.available_micros >= _micros("amount"))
    .values(available_micros=Wallet.available_micros - _micros("amount"), held_micros=Wallet.held_micros + _micros("amount"))
    .returning(Wallet.has_budget)
)

_release = statement(
    update(Wallet)
    .where(Wallet.account_id == bindparam("account"))
    .values(available_micros=Wallet.available_micros + _micros("amount"), held_micros=Wallet.held_micros - _micros("amount"))
    .returning(Wallet.has_budget)
)

_take = statement(
    update(Wallet)
    .where(Wallet.account_id == bindparam("account"))
    .values(
        available_micros=Wallet.available_micros + _micros("amount") - _micros("charge"),
        held_micros=Wallet.held_micros - _micros("amount"),
        entry_count=Wallet.entry_count + 1,
    )
    .returning(_POSTED, Wallet.available_micros, Wallet.entry_count, Wallet.has_budget)
)

_give = statement(
    update(Wallet)
    .where(Wallet.account_id == bindparam("account"))
    .values(available_micros=Wallet.available_micros + _micros("amount"), entry_count=Wallet.entry_count + 1)
    .returning(_POSTED, Wallet.entry_count)
)

_claim_hold = statement(
    insert(HoldRow)
    .values(
        **columns_of(HoldRow, "id", "account_id", "turn_id", "purpose", "amount_micros", "expires_at", "created_at"),
        **columns_of(HoldRow, "model", "agent", "session_id", "api_key_id"),
        state="open",
        charge_micros=0,
        overrun_micros=0,
        input_tokens=0,
        output_tokens=0,
    )
    .on_conflict_do_nothing()
    .returning(HoldRow.id)
)

_HOLD = (
    *(HoldRow.id, HoldRow.account_id, HoldRow.turn_id, HoldRow.amount_micros, HoldRow.state, HoldRow.charge_micros, HoldRow.overrun_micros),
    *(HoldRow.api_key_id, HoldRow.created_at),
)
_find_hold = statement(select(*_HOLD).where(HoldRow.id == bindparam("id")))
_lock_hold = statement(select(*_HOLD).where(HoldRow.id == bindparam("id")).with_for_update())

_set_amount = statement(update(HoldRow).where(HoldRow.id == bindparam("hold_id", type_=Id())).values(amount_micros=_micros("amount")))

_resolve = statement(
    update(HoldRow)
    .where(HoldRow.id == bindparam("hold_id", type_=Id()), HoldRow.state == "open")
    .values(
        state=bindparam("outcome", type_=String()),
        charge_micros=case((HoldRow.amount_micros < _micros("cost"), HoldRow.amount_micros), else_=_micros("cost")),
        overrun_micros=case((HoldRow.amount_micros < _micros("cost"), _micros("cost") - HoldRow.amount_micros), else_=0),
        resolved_at=bindparam("now", type_=UtcTime()),
        model=func.coalesce(bindparam("answered_by", type_=String()), HoldRow.model),
        **columns_of(HoldRow, "input_tokens", "output_tokens"),
    )
    .returning(*_HOLD)
)

_expired = statement(
    select(HoldRow.id)
    .where(HoldRow.expires_at <= bindparam("now", type_=UtcTime()), HoldRow.state == "open")
    .order_by(HoldRow.expires_at)
    .limit(bindparam("most", type_=Integer()))
)

_add_transaction = statement(
    insert(LedgerTransaction)
    .values(columns_of(LedgerTransaction, "id", "kind", "reference", "turn_id", "model", "explanation", "created_at"))
    .on_conflict_do_nothing()
    .returning(LedgerTransaction.id)
)

_add_entry = statement(
    insert(LedgerEntry).values(columns_of(LedgerEntry, "id", "transaction_id", "account_id", "number", "platform", "amount_micros", "balance_micros"))
)

_ENTRY = (
    LedgerEntry.id,
    LedgerTransaction.kind,
    LedgerEntry.amount_micros,
    LedgerEntry.balance_micros,
    LedgerTransaction.reference,
    LedgerTransaction.turn_id,
    LedgerTransaction.model,
    LedgerTransaction.created_at,
    func.coalesce(LedgerNote.note, LedgerTransaction.explanation).label("explanation"),
    LedgerEntry.number,
)
_joined = (
    select(*_ENTRY)
    .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
    .outerjoin(LedgerNote, LedgerNote.transaction_id == LedgerEntry.transaction_id)
)
_entries = statement(
    _joined.where(LedgerEntry.account_id == bindparam("account"), LedgerEntry.number < _micros("before"))
    .order_by(LedgerEntry.number.desc())
    .limit(bindparam("most", type_=Integer()))
)
_entry_by_reference = statement(
    _joined.where(
        LedgerEntry.account_id == bindparam("account"),
        LedgerTransaction.kind == bindparam("of_kind"),
        LedgerTransaction.reference == bindparam("given"),
    )
)


def open_wallet(tx: Transaction, account_id: UUID, available_micros: int) -> bool:
    """True if there was none: one statement, so that of many requests one gives the bonus."""
    entry_count = 1 if available_micros else 0
    row = tx.run(_open, account_id=account_id, available_micros=available_micros, entry_count=entry_count, created_at=tx.now()).one_or_none()
    return row is not None


def find(tx: Transaction, account_id: UUID) -> Any:
    return tx.run(_find, account_id=account_id).one_or_none()


def move_to_hold(tx: Transaction, account_id: UUID, amount_micros: int) -> bool | None:
    """None unless the wallet had that much: one statement, so two spenders cannot both see the same money. Else whether there is a budget to look at."""
    return tx.run(_move_to_hold, account=account_id, amount=amount_micros).scalar_or_none()


def release(tx: Transaction, account_id: UUID, amount_micros: int) -> bool:
    """Returns whether there is a budget to give it back to."""
    return tx.run(_release, account=account_id, amount=amount_micros).scalar()


def take(tx: Transaction, account_id: UUID, *, held_micros: int, charge_micros: int) -> Any:
    """End a hold with a charge; returns what is posted and available then, and the number of the entry to come."""
    return tx.run(_take, account=account_id, amount=held_micros, charge=charge_micros).one()


def give(tx: Transaction, account_id: UUID, amount_micros: int) -> Any:
    """Returns the posted balance and the number of the entry to come."""
    return tx.run(_give, account=account_id, amount=amount_micros).one()


def claim_hold(
    tx: Transaction, *, hold_id: UUID, account_id: UUID, turn_id: UUID | None, purpose: str, amount_micros: int, expires_at: datetime | None, what: HoldFor
) -> bool:
    """True if there was no hold of that id."""
    row = tx.run(
        _claim_hold,
        id=hold_id,
        account_id=account_id,
        turn_id=turn_id,
        purpose=purpose,
        amount_micros=amount_micros,
        expires_at=expires_at,
        created_at=tx.now(),
        model=what.model,
        agent=what.agent,
        session_id=what.session_id,
        api_key_id=what.api_key_id,
    ).one_or_none()
    return row is not None


def find_hold(tx: Transaction, hold_id: UUID) -> Any:
    return tx.run(_find_hold, id=hold_id).one_or_none()


def lock_hold(tx: Transaction, hold_id: UUID) -> Any:
    """The hold, unchanged by others until this transaction ends."""
    return tx.run(_lock_hold, id=hold_id).one_or_none()


def set_amount(tx: Transaction, hold_id: UUID, amount_micros: int) -> None:
    tx.run(_set_amount, hold_id=hold_id, amount=amount_micros)


def resolve(
    tx: Transaction, hold_id: UUID, outcome: str, cost_micros: int = 0, *, model: str | None = None, input_tokens: int = 0, output_tokens: int = 0
) -> Any:
    """Close an open hold and split the cost into charge and overrun. `model` is the one that answered, where it may be another than was held for.

    None if it is closed already, or was never there.
    """
    used = {"answered_by": model, "input_tokens": input_tokens, "output_tokens": output_tokens}
    return tx.run(_resolve, hold_id=hold_id, outcome=outcome, cost=cost_micros, now=tx.now(), **used).one_or_none()


def expired(tx: Transaction, most: int) -> list[UUID]:
    return tx.run(_expired, now=tx.now(), most=most).scalars()


def add_transaction(tx: Transaction, **values: Any) -> bool:
    """False if this kind of transaction has that reference already."""
    return tx.run(_add_transaction, **values, created_at=tx.now()).one_or_none() is not None


def add_entries(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    tx.run_many(_add_entry, rows)


def entries(tx: Transaction, account_id: UUID, before: int, most: int) -> list[Any]:
    return tx.run(_entries, account=account_id, before=before, most=most).all()


def entry_by_reference(tx: Transaction, account_id: UUID, kind: str, reference: str) -> Any:
    return tx.run(_entry_by_reference, account=account_id, of_kind=kind, given=reference).one_or_none()
