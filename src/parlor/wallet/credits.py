"""Credit that comes into a wallet, each time under a reference that counts once."""

from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.errors import Invalid
from parlor.wallet import credit_queries, ledger, queries
from parlor.wallet.errors import ReferenceUsed
from parlor.wallet.ledger import Entry, Platform, PlatformLeg, Reason, UserLeg
from parlor.wallet.price import MOST_MICROS

LONGEST_REFERENCE = 255
LONGEST_NOTE = 500


class Posted(Entry, frozen=True):
    """An entry of a user's ledger. `is_new` is False when an earlier call with the same reference had made it."""

    is_new: bool = True


class Note(msgspec.Struct, frozen=True):
    """Words about a transaction, which its user reads in place of its explanation. They are erased with the account, or with that of whoever wrote them."""

    text: str
    made_by: UUID | None = None

    def __post_init__(self) -> None:
        check_note(self.text, LONGEST_NOTE)


def add_credit(tx: Transaction, account_id: UUID, amount_micros: int, platform: Platform, reason: Reason, note: Note | None = None) -> Posted:
    """Move credit from a platform account into a wallet, which must be there. Raises ReferenceUsed when the reference stands for other credit."""
    transaction_id = ledger.begin(tx, reason)
    if transaction_id is not None:
        posted_micros, number = queries.give(tx, account_id, amount_micros)
        ledger.add_legs(tx, transaction_id, UserLeg(account_id, amount_micros, posted_micros, number), PlatformLeg(platform, -amount_micros))
        if note is not None:
            credit_queries.add_note(tx, transaction_id=transaction_id, account_id=account_id, made_by=note.made_by, note=note.text)
    entry = queries.entry_by_reference(tx, account_id, reason.kind, reason.reference)
    if entry is None or entry.amount_micros != amount_micros:
        raise ReferenceUsed
    return Posted(*entry, is_new=transaction_id is not None)


def check_amount(amount_micros: int) -> None:
    if not 0 < amount_micros <= MOST_MICROS:
        raise Invalid(f"An amount is between 1 and {MOST_MICROS} micro-credits.")


def check_reference(reference: str) -> None:
    if not reference.strip() or len(reference) > LONGEST_REFERENCE or not reference.isprintable():
        raise Invalid(f"A reference is 1 to {LONGEST_REFERENCE} printable characters.")


def check_note(text: str, longest: int) -> None:
    if not text.strip() or len(text) > longest or not text.isprintable():
        raise Invalid(f"A note is 1 to {longest} printable characters.")
