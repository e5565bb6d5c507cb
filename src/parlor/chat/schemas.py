"""Request and reply bodies of chat."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import Field, StringConstraints, field_validator

from parlor.chat.summary import shown_parts
from parlor.core.web.schemas import Body, Reply
from parlor.llm import ModelParams
from parlor.turns import TurnRead

MOST_METADATA_BYTES = 16 * 1024
MOST_NOTES_CHARS = 100_000

Title = Annotated[str, StringConstraints(max_length=300, strip_whitespace=True)]
Category = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Notes = Annotated[str, StringConstraints(max_length=MOST_NOTES_CHARS)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class _WithMetadata(Body):
    metadata: dict[str, Any] | None = Field(default=None, description="Anything of yours, as JSON; 16 KiB at most.")

    @field_validator("metadata")
    @classmethod
    def _is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and len(msgspec.json.encode(value)) > MOST_METADATA_BYTES:
            raise ValueError(f"metadata is larger than {MOST_METADATA_BYTES} bytes")
        return value


class SessionCreate(_WithMetadata):
    title: Title = Field(default="", description="Without one, the first words of the first message.")
    category: Category = ""
    agent: Name | None = None
    model: Name | None = None


class SessionUpdate(_WithMetadata):
    """Only the fields that are sent change."""

    title: Title | None = None
    notes: Notes | None = None
    category: Category | None = None
    agent: Name | None = None
    model: Name | None = None
    pinned: bool | None = None
    archived: bool | None = None


class NotesUpdate(Body):
    notes: Notes


class SessionRead(Reply):
    id: UUID
    title: str
    category: str
    notes: str
    agent: str | None
    model: str | None
    pinned: bool
    archived: bool
    is_active: bool
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    last_active_at: datetime
    running_turn_id: UUID | None = None
    suggestions: list[str] = Field(default_factory=list[str], description="What could be asked next: written after the first answer, where titles are.")

    @classmethod
    def of(cls, row: Any, running_turn_id: UUID | None = None) -> "SessionRead":
        return cls(
            id=row.id,
            title=row.title,
            category=row.category,
            notes=row.notes,
            agent=row.agent,
            model=row.model,
            pinned=row.is_pinned,
            archived=row.is_archived,
            is_active=row.is_active,
            metadata=row.metadata,
            created_at=row.created_at,
            updated_at=row.updated_at,
            last_active_at=row.last_active_at,
            running_turn_id=running_turn_id,
            suggestions=row.suggestions,
        )


class TextPart(Body):
    type: Literal["text"]
    text: str


class MessageCreate(Body):
    content: str | Annotated[list[TextPart], Field(min_length=1, max_length=100)]
    agent: Name | None = None
    model: Name | None = None
    parent_id: UUID | None = Field(default=None, description="The message this follows. Absent: the newest one. Null: none, a new beginning.")
    params: ModelParams = Field(default_factory=ModelParams)


class RegenerateCreate(Body):
    message_id: UUID = Field(description="The answer to generate again, beside the old one.")
    model: Name | None = None
    params: ModelParams = Field(default_factory=ModelParams)


class ForkCreate(Body):
    message_id: UUID = Field(description="The last message that the new session takes along.")
    title: Title | None = None


class MessageRead(Reply):
    id: UUID
    parent_id: UUID | None
    role: Literal["user", "assistant", "system"]
    parts: list[dict[str, Any]]
    status: Literal["complete", "stopped", "failed", "interrupted"]
    turn_id: UUID | None
    created_at: datetime
    usage: dict[str, int] | None = None

    @classmethod
    def of(cls, row: Any) -> "MessageRead":
        return cls(
            id=row.id,
            parent_id=row.parent_id,
            role=row.role,
            parts=[{"type": "text", "text": row.text}] if row.parts is None else shown_parts(row.parts),
            status=row.status,
            turn_id=row.turn_id,
            created_at=row.created_at,
            usage=row.usage,
        )


class TurnAndMessage(Reply):
    """The turn, and the question while it runs, or the answer once waited for (the question again if there is no answer)."""

    turn: TurnRead
    message: MessageRead


class Highlight(Reply):
    text: str
    is_match: bool


class FoundMessage(Reply):
    """`highlights`, joined, are the piece of the text around what was found."""

    message_id: UUID
    session_id: UUID
    session_title: str
    role: str
    created_at: datetime
    highlights: list[Highlight]
