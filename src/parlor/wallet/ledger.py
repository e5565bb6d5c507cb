"""Double entry: every transaction moves credit between a user's wallet and platform accounts, and its legs add up to zero."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.ids import new_id
from parlor.wallet import queries

Kind = Literal["bonus", "grant", "charge", "refund", "voucher", "payment"]
Platform = Literal["revenue", "bonus", "overrun", "payments"]


class Entry(msgspec.Struct, frozen=True):
    """One row of a user's ledger. `balance_micros` is the posted balance after it; `number` counts from 1 without gaps."""

    id: UUID
    kind: str
    amount_micros: int
    balance_micros: int
    reference: str
    turn_id: UUID | None
    model: str | None
    created_at: datetime
    explanation: str
    number: int


class UserLeg(msgspec.Struct, frozen=True):
    """`number` and `balance_micros` are what the wallet's own update returned, so that they follow one another under its lock."""

    account_id: UUID
    amount_micros: int
    balance_micros: int
    number: int


class PlatformLeg(msgspec.Struct, frozen=True):
    platform: Platform
    amount_micros: int


Leg = UserLeg | PlatformLeg


class Reason(msgspec.Struct, frozen=True):
    """`id` becomes the transaction's own. A charge has the id of its hold, so that a hold is charged once and `verify` can put the two together."""

    kind: Kind
    reference: str
    explanation: str
    turn_id: UUID | None = None
    model: str | None = None
    id: UUID | None = None


def begin(tx: Transaction, reason: Reason) -> UUID | None:
    """The id of a new ledger transaction, None if that reference was used before."""
    transaction_id = reason.id or new_id()
    is_new = queries.add_transaction(
        tx,
        id=transaction_id,
        kind=reason.kind,
        reference=reason.reference,
        explanation=reason.explanation,
        turn_id=reason.turn_id,
        model=reason.model,
    )
    return transaction_id if is_new else None


def add_legs(tx: Transaction, transaction_id: UUID, *legs: Leg) -> None:
    """Legs of nothing are left out."""
    assert sum(leg.amount_micros for leg in legs) == 0, "the legs of a transaction add up to zero"
    queries.add_entries(tx, [{"id": new_id(), "transaction_id": transaction_id, **_columns(leg)} for leg in legs if leg.amount_micros])


def post(tx: Transaction, reason: Reason, *legs: Leg) -> None:
    """Raises RuntimeError for a reference that was used before: whoever posts has made sure, by a compare-and-set of its own."""
    transaction_id = begin(tx, reason)
    if transaction_id is None:
        raise RuntimeError(f"the {reason.kind} {reason.reference} is in the ledger already")
    add_legs(tx, transaction_id, *legs)


def _columns(leg: Leg) -> dict[str, object]:
    if isinstance(leg, UserLeg):
        return {
            "account_id": leg.account_id,
            "platform": None,
            "amount_micros": leg.amount_micros,
            "balance_micros": leg.balance_micros,
            "number": leg.number,
        }
    return {"account_id": None, "platform": leg.platform, "amount_micros": leg.amount_micros, "balance_micros": None, "number": None}
