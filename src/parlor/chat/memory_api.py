"""A session's memory over HTTP."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Query, Response
from pydantic import Field

from parlor.accounts import ChatDep, ChatReadDep
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.remembering import Remembered, SessionMemory
from parlor.chat.settings import ChatSettings
from parlor.core.web import Router, documents
from parlor.core.web.schemas import Reply

router = Router(tags=["sessions"])

Branch = Annotated[UUID | None, Query(description="The last message of the branch; without it the newest message.")]


class ReplacedRead(Reply):
    """Where the messages are that a summary stands for, and how many. In a fork that was cut, `first` may be a message of the session it comes from."""

    first: UUID
    last: UUID
    messages: int


class SummaryRead(Reply):
    text: str
    replaces: ReplacedRead
    message_id: UUID = Field(description="The answer that has it as a part.")


class WindowRead(Reply):
    """The newest messages, which are shown as they are, and how many pairs and tokens there may be."""

    messages: int
    first: UUID | None
    last: UUID | None
    most_pairs: int
    most_tokens: int | None = Field(description="Null: as many as the model that answers can read.")


class MemoryRead(Reply):
    """What the next turn would know of what was said before."""

    pairs: int = Field(description="Questions that are shown as they are, with their answers.")
    tokens: int = Field(description="What all of it costs in a prompt, estimated.")
    summary: SummaryRead | None
    summarised_messages: int
    window: WindowRead
    text: str = Field(description="All of it as one string.")

    @classmethod
    def of(cls, remembered: Remembered, settings: ChatSettings) -> "MemoryRead":
        rows, summary = remembered.rows, remembered.memory.summary
        shown = None
        if summary is not None and remembered.holder_id is not None:
            replaces = ReplacedRead(first=summary.replaces.first, last=summary.replaces.last, messages=summary.replaces.messages)
            shown = SummaryRead(text=summary.text, replaces=replaces, message_id=remembered.holder_id)
        return cls(
            pairs=sum(row.role == "user" for row in rows),
            tokens=remembered.memory.tokens,
            summary=shown,
            summarised_messages=0 if shown is None else shown.replaces.messages,
            window=WindowRead(
                messages=len(rows),
                first=rows[0].id if rows else None,
                last=rows[-1].id if rows else None,
                most_pairs=settings.history_pairs,
                most_tokens=settings.history_tokens,
            ),
            text=remembered.memory.as_text(),
        )


@router.get("/sessions/{session_id}/memory", responses=documents(NoSuchSession, NoSuchMessage))
async def read_memory(
    session_id: UUID, caller: ChatReadDep, memory: FromDishka[SessionMemory], settings: FromDishka[ChatSettings], branch: Branch = None
) -> MemoryRead:
    return MemoryRead.of(await memory.read(session_id, caller.account_id, branch), settings)


@router.delete("/sessions/{session_id}/summary", status_code=204, responses=documents(NoSuchSession, NoSuchMessage))
async def delete_summary(session_id: UUID, caller: ChatDep, memory: FromDishka[SessionMemory], branch: Branch = None) -> Response:
    """The messages that it stands for count again. A new one is made when the conversation has outgrown the window once more; without one this does nothing."""
    await memory.forget(session_id, caller.account_id, branch)
    return Response(status_code=204)
