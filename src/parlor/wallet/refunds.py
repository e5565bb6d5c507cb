"""Refunds: a charge is given back, in whole or in parts, and never more of it than was charged."""

from typing import Any
from uuid import UUID

from parlor.core.db import Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.wallet import credit_queries as queries
from parlor.wallet.credits import Note, Posted, add_credit, check_amount, check_reference
from parlor.wallet.errors import NoSuchCharge, ReferenceUsed, RefundTooLarge
from parlor.wallet.events import WalletRefunded
from parlor.wallet.ledger import Reason


class Refunds:
    def __init__(self, events: Events) -> None:
        self._events = events

    def charge_of(self, tx: Transaction, account_id: UUID, *, turn_id: UUID | None = None, entry_id: UUID | None = None) -> UUID:
        """The id of the charge of this turn, or of the one that this ledger entry is a leg of. Raises NoSuchCharge."""
        charge_id = turn_id or (entry_id and queries.transaction_of(tx, account_id, entry_id))
        if charge_id is None:
            raise NoSuchCharge
        return charge_id

    def refund(
        self, tx: Transaction, account_id: UUID, charge_id: UUID, *, reference: str, amount_micros: int | None = None, note: Note | None = None
    ) -> Posted:
        """Give `amount_micros` of a charge back, or all that is left of it, once per `reference`.

        The revenue is debited: what the platform bore beyond the hold was never the user's. Raises NoSuchCharge, RefundTooLarge, ReferenceUsed, Invalid.
        """
        check_reference(reference)
        if amount_micros is not None:
            check_amount(amount_micros)
        # refunds of one charge wait for one another at its lock, so that together they cannot be more than it
        charge = queries.lock_charge(tx, charge_id, account_id)
        if charge is None:
            raise NoSuchCharge
        amount_micros = self._amount(tx, charge, reference, amount_micros)
        explanation = f"Refund of {amount_micros} of the {charge.charge_micros} micro-credits charged"
        reason = Reason("refund", reference, explanation, charge.turn_id, charge.model, id=new_id())
        posted = add_credit(tx, account_id, amount_micros, "revenue", reason, note)
        if posted.is_new:
            queries.add_refund(tx, transaction_id=reason.id, charge_id=charge_id, amount_micros=amount_micros)
            self._events.record(tx, _refunded(account_id, charge, posted))
        return posted

    def _amount(self, tx: Transaction, charge: Any, reference: str, wanted_micros: int | None) -> int:
        """What to post: for a reference that was used before, what it was used for."""
        before = queries.find_refund(tx, reference)
        if before is None:
            left_micros = charge.charge_micros - queries.refunded(tx, charge.id)
            amount_micros = left_micros if wanted_micros is None else wanted_micros
            if not 0 < amount_micros <= left_micros:
                raise RefundTooLarge(charge_micros=charge.charge_micros, left_micros=left_micros)
            return amount_micros
        if before.charge_id != charge.id or wanted_micros not in (None, before.amount_micros):
            raise ReferenceUsed
        return before.amount_micros


def _refunded(account_id: UUID, charge: Any, posted: Posted) -> WalletRefunded:
    return WalletRefunded(
        account_id=account_id,
        amount_micros=posted.amount_micros,
        balance_micros=posted.balance_micros,
        reference=posted.reference,
        charge_id=charge.id,
        turn_id=charge.turn_id,
    )
