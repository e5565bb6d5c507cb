"""Replies about turns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from parlor.turns.states import Reason, TurnState


class UsageRead(BaseModel):
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class TurnRead(BaseModel):
    """One question and its answer."""

    id: UUID
    session_id: UUID
    state: TurnState
    agent: str
    model: str
    usage: UsageRead | None = Field(description="Known once the turn has ended.")
    charge_micros: int | None
    reason: Reason | None = Field(description="Why it did not simply complete.")
    started_at: datetime
    ended_at: datetime | None
    pending: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]], description="Questions that wait for an answer.")

    @classmethod
    def of(cls, row: Any) -> "TurnRead":
        return cls(
            id=row.id,
            session_id=row.session_id,
            state=row.state,
            agent=row.agent,
            model=row.model,
            usage=row.usage,
            charge_micros=row.charge_micros,
            reason=row.reason,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )
