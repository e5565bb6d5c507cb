"""Looking at a session's memory, and taking its summary away."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from parlor.chat import message_queries, session_queries
from parlor.chat.compaction import Compaction
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.memory import Memory, Past
from parlor.chat.settings import ChatSettings
from parlor.chat.summary import Summary, summary_of, without_summary
from parlor.core.db import Database, Transaction

_ANY_ROOM = 2**31
"""Tokens: which model the next turn will use, and how much that can read, is not known yet."""


class NextQuestion(msgspec.Struct, frozen=True):
    """In the place of the question that the next turn will have."""

    parent_id: UUID | None
    role: str = "user"
    text: str = ""
    tokens: int = 0
    parts: None = None


class Remembered(msgspec.Struct, frozen=True):
    """What the next turn on a branch would know. `holder_id` is the message whose part the summary is."""

    memory: Memory
    holder_id: UUID | None

    @property
    def rows(self) -> Sequence[Any]:
        return self.memory.rows[:-1]


class SessionMemory:
    """`branch` is the last message of a branch; without it the newest message is."""

    def __init__(self, db: Database, compaction: Compaction, settings: ChatSettings) -> None:
        self._db = db
        self._compaction = compaction
        self._settings = settings

    async def read(self, session_id: UUID, account_id: UUID, branch: UUID | None = None) -> Remembered:
        """Raises NoSuchSession, NoSuchMessage."""

        def read(tx: Transaction) -> Sequence[Any]:
            session = session_queries.find_session(tx, session_id, account_id)
            if session is None:
                raise NoSuchSession()
            return self._newest(tx, session, branch)

        rows = await self._db.read(read)
        memory = self._compaction.remember(self.past(rows), _ANY_ROOM)
        holder = None if memory.summary is None else next(row.id for row in rows if row.parts and isinstance(summary_of(row.parts), Summary))
        return Remembered(memory, holder)

    async def forget(self, session_id: UUID, account_id: UUID, branch: UUID | None = None) -> None:
        """Takes the summary away, so that the messages it stands for count again. Does nothing where there is none. Raises NoSuchSession, NoSuchMessage."""

        def forget(tx: Transaction) -> None:
            session = session_queries.use_session(tx, session_id, account_id, added=0)
            if session is None:
                raise NoSuchSession()
            for row in self._newest(tx, session, branch):
                if (found := summary_of(row.parts)) is not None:
                    if isinstance(found, Summary):
                        message_queries.set_parts(tx, session_id, row.id, without_summary(row.parts))
                    return

        await self._db.write(forget)

    def past(self, rows: Sequence[Any]) -> Past:
        """Of rows that end with an answer, newest first."""
        question = NextQuestion(rows[0].id if rows else None)
        return Past.of([question, *rows][: 2 * self._settings.history_pairs + 1])

    def _newest(self, tx: Transaction, session: Any, branch: UUID | None) -> Sequence[Any]:
        """As much of the branch as a turn reads of it, newest first."""
        if branch is None:
            last = message_queries.message_at(tx, session.id, session.message_count)
        elif (last := message_queries.find_message(tx, session.id, branch)) is None:
            raise NoSuchMessage()
        most = max(1, 2 * self._settings.history_pairs)
        return () if last is None else message_queries.path_to(tx, session.id, last, is_branched=session.is_branched, most=most)
