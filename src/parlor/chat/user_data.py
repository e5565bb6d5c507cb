"""What chat holds about a person: all they said."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.chat import message_queries, session_queries
from parlor.chat.schemas import MessageRead, SessionRead
from parlor.chat.sharing import queries as share_queries
from parlor.core.db import Database, Transaction
from parlor.core.userdata import each_row

PAGE = 200


class ChatUserData:
    name = "chat"
    tables = ("sessions", "messages", "session_shares")
    describes: ClassVar[Mapping[str, str]] = {
        "sessions": "Every conversation: its title, notes and settings.",
        "messages": "Every question and answer, conversation by conversation, in the order in which they were said.",
        "shares": "Links that show a session to whoever has them: of which session, up to which message, since when.",
    }

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        shares = await self._db.read(lambda tx: share_queries.shares_of(tx, account_id))
        shown = [{"session_id": row.session_id, "message_id": row.message_id, "title": row.title, "shared_at": row.shared_at} for row in shares]
        return {"sessions": self._sessions(account_id), "messages": self._messages(account_id), "shares": shown}

    async def erase(self, account_id: UUID) -> int:
        """Session by session, in pages. A turn that still runs finds its session gone, and keeps nothing."""
        touched = 0
        for session_id in await self._db.read(lambda tx: session_queries.session_ids(tx, account_id)):
            while deleted := await self._db.write(lambda tx, each=session_id: message_queries.delete_page(tx, each, PAGE), bulk=True):
                touched += deleted
            touched += await self._db.write(lambda tx, each=session_id: _erase(tx, each, account_id), bulk=True)
        if not self._db.is_postgres:
            while await self._db.write(message_queries.forget_words, bulk=True):
                pass
        return touched

    async def _sessions(self, account_id: UUID) -> AsyncIterator[Any]:
        for session_id in await self._db.read(lambda tx: session_queries.session_ids(tx, account_id)):
            session = await self._db.read(lambda tx, each=session_id: session_queries.find_session(tx, each, account_id))
            if session is not None:
                yield SessionRead.of(session).model_dump(mode="json")

    async def _messages(self, account_id: UUID) -> AsyncIterator[Any]:
        for session_id in await self._db.read(lambda tx: session_queries.session_ids(tx, account_id)):
            async for row in each_row(self._db, lambda tx, last, each=session_id: _page(tx, each, last)):
                yield {"session_id": session_id, **MessageRead.of(row).model_dump(mode="json")}


def _page(tx: Transaction, session_id: UUID, last: Any | None) -> list[Any]:
    return message_queries.messages_between(tx, session_id, after=0 if last is None else last.seq, last=message_queries.NO_LIMIT, most=PAGE)


def _erase(tx: Transaction, session_id: UUID, account_id: UUID) -> int:
    """The session, and what was said in it since its last page was deleted. The words of its turns are theirs to erase."""
    session_queries.use_session(tx, session_id, account_id, added=0)
    message_queries.delete_messages(tx, session_id)
    share_queries.remove_share(tx, session_id)
    return int(session_queries.delete_session(tx, session_id, account_id))
