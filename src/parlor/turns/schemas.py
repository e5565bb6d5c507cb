"""Replies about turns."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from parlor.core.web.schemas import Reply
from parlor.turns.states import Reason, TurnState


class UsageRead(Reply):
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class QuestionRead(Reply):
    """What a turn wants to know from a person: leave for a tool call, a form, or a sign-in."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True, from_attributes=True)

    id: UUID
    kind: Literal["approval", "form", "signin"]
    call_id: str = Field(description="The tool call it is about.")
    tool: str
    arguments: Any = Field(default=None, description="What the tool is to be called with.")
    form_schema: Any = Field(default=None, alias="schema", description="JSON schema of the form.")
    url: str | None = Field(default=None, description="Where to sign in.")
    text: str
    expires_at: datetime


class TurnRead(Reply):
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
    pending: list[QuestionRead] = Field(default_factory=list[QuestionRead], description="Questions that wait for an answer.")

    @classmethod
    def of(cls, row: Any, pending: Iterable[Any] = ()) -> "TurnRead":
        """`pending` are the rows of its open questions."""
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
            pending=[QuestionRead.model_validate(question) for question in pending],
        )
