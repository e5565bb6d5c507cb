"""What chat holds about a person: all they said."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor.chat import message_queries, session_queries
from parlor.chat.schemas import MessageRead, SessionRead
from parlor.core.db import Database, Transaction
from parlor.turns import forget_session


class ChatUserData:
    name = "chat"

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        session_ids = await self._db.read(lambda tx: session_queries.session_ids(tx, account_id))
        return {"sessions": [await self._db.read(lambda tx, each=each: _exported(tx, each, account_id)) for each in session_ids]}

    async def erase(self, account_id: UUID) -> int:
        """Session by session, each in a transaction of its own. A turn that still runs finds its session gone, and keeps nothing."""
        session_ids = await self._db.read(lambda tx: session_queries.session_ids(tx, account_id))
        for session_id in session_ids:
            await self._db.write(lambda tx, each=session_id: _erase(tx, each, account_id), bulk=True)
        return len(session_ids)


def _exported(tx: Transaction, session_id: UUID, account_id: UUID) -> dict[str, Any]:
    session = session_queries.find_session(tx, session_id, account_id)
    messages = message_queries.messages_between(tx, session_id, after=0, last=session.message_count, most=session.message_count)
    return {**SessionRead.of(session).model_dump(mode="json"), "messages": [MessageRead.of(row).model_dump(mode="json") for row in messages]}


def _erase(tx: Transaction, session_id: UUID, account_id: UUID) -> None:
    session_queries.use_session(tx, session_id, account_id, added=0)
    forget_session(tx, session_id)
    message_queries.delete_messages(tx, session_id)
    session_queries.delete_session(tx, session_id, account_id)
