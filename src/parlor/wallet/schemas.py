"""Replies of the wallet."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class WalletRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    account_id: UUID
    available_micros: int = Field(description="What can be spent now.")
    held_micros: int = Field(description="Set aside for turns that are not over.")
    posted_micros: int = Field(description="What the ledger says: available and held together.")


class EntryRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: Literal["bonus", "grant", "charge", "refund", "voucher", "payment"]
    amount_micros: int = Field(description="Below zero for a charge.")
    balance_micros: int = Field(description="The posted balance after it.")
    reference: str
    turn_id: UUID | None
    model: str | None
    created_at: datetime
    explanation: str
