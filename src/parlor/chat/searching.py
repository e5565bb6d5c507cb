"""Full-text search over one's own messages."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parlor.chat import message_queries
from parlor.chat.schemas import Highlight
from parlor.core.db import Database

MOST_WORDS = 16
_LARGEST = (1 << 63) - 1


class MessageSearch:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def search(self, account_id: UUID, words: str, before: int | None, most: int) -> Sequence[Any]:
        """Messages with all of these words, newest first; nothing for a text without words."""
        found = re.findall(r"\w+", words)[:MOST_WORDS]
        if not found:
            return ()
        return await self._db.read(
            lambda tx: message_queries.search(
                tx, account_id, message_queries.full_text_query(found, is_postgres=tx.is_postgres), before=_LARGEST if before is None else before, most=most
            )
        )


def highlights(snippet: str) -> list[Highlight]:
    pieces = re.split(f"({message_queries.MARK_START}.*?{message_queries.MARK_END})", snippet, flags=re.DOTALL)
    marks = message_queries.MARK_START + message_queries.MARK_END
    return [Highlight(text=piece.strip(marks), is_match=piece.startswith(message_queries.MARK_START)) for piece in pieces if piece]
