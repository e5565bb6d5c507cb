"""What an import answers."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from parlor.chat.transfer.imports import ImportOutcome
from parlor.core.web.schemas import Reply


class ImportedSession(Reply):
    id: UUID
    title: str
    messages: int


class SkippedConversation(Reply):
    index: int = Field(description="Its place in the file, counted from 0.")
    title: str
    reason: str


class ImportRead(Reply):
    format: Literal["parlor", "chatgpt", "open_webui"]
    imported: int = Field(description="How many sessions were made.")
    sessions: list[ImportedSession]
    skipped: list[SkippedConversation]

    @classmethod
    def of(cls, outcome: ImportOutcome) -> "ImportRead":
        sessions = [ImportedSession(id=each.id, title=each.title, messages=each.messages) for each in outcome.sessions]
        skipped = [SkippedConversation(index=each.index, title=each.title, reason=each.reason) for each in outcome.skipped]
        return cls(format=outcome.format, imported=len(sessions), sessions=sessions, skipped=skipped)
