"""Bodies and replies of the wallet."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Header
from pydantic import AfterValidator, Field, model_validator

from parlor.core.web.schemas import Body, Reply
from parlor.wallet.credits import LONGEST_NOTE, LONGEST_REFERENCE
from parlor.wallet.price import MOST_MICROS


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("the text is empty, or holds characters that cannot be printed")
    return text


IdempotencyHeader = Annotated[str | None, Header(alias="Idempotency-Key", description="The same key and body again give the same result, for 24 hours.")]
Amount = Annotated[int, Field(strict=True, ge=1, le=MOST_MICROS, description="1 credit is 1 000 000 micros.")]
Reference = Annotated[
    str,
    Field(max_length=LONGEST_REFERENCE, description="What it is for elsewhere, such as a payment's id. Kept for ever: put nothing personal in it."),
    AfterValidator(_printable),
]
NoteText = Annotated[
    str, Field(max_length=LONGEST_NOTE, description="The user reads it in the ledger. It is erased with the account."), AfterValidator(_printable)
]


class GrantCreate(Body):
    amount_micros: Amount
    reference: Reference
    note: NoteText | None = None


class RefundCreate(Body):
    """Of the charge of a turn, or of the one with this entry in the user's ledger: name one of the two."""

    turn_id: UUID | None = None
    entry_id: UUID | None = None
    amount_micros: Amount | None = Field(default=None, description="Without it all that is left of the charge.")
    reference: Reference
    note: NoteText | None = None

    @model_validator(mode="after")
    def _names_one_charge(self) -> "RefundCreate":
        if (self.turn_id is None) == (self.entry_id is None):
            raise ValueError("name the charge by turn_id or by entry_id")
        return self


class WalletRead(Reply):
    account_id: UUID
    available_micros: int = Field(description="What can be spent now.")
    held_micros: int = Field(description="Set aside for turns that are not over.")
    posted_micros: int = Field(description="What the ledger says: available and held together.")


class EntryRead(Reply):
    id: UUID
    kind: Literal["bonus", "grant", "charge", "refund", "voucher", "payment"]
    amount_micros: int = Field(description="Below zero for a charge.")
    balance_micros: int = Field(description="The posted balance after it.")
    reference: str
    turn_id: UUID | None
    model: str | None
    created_at: datetime
    explanation: str
