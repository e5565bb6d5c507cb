"""What graphs remember of a person's sessions."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.agents.langgraph import queries
from parlor.core.db import Database, Transaction
from parlor.core.userdata import each_row

PAGE = 50


class GraphUserData:
    name = "graphs"
    tables = ("graph_threads", "graph_checkpoints", "graph_writes")
    describes: ClassVar[Mapping[str, str]] = {
        "threads": "For each session that a graph answers in: since when it keeps a state of its own, and how large that is. What was said is in `messages`."
    }

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {"threads": self._threads(account_id)}

    async def erase(self, account_id: UUID) -> int:
        touched = 0
        while rows := await self._db.read(lambda tx: queries.threads_of(tx, account_id, None, PAGE)):
            for row in rows:
                await self._db.write(lambda tx, each=row: queries.drop_thread(tx, each.id), bulk=True)
            touched += len(rows)
        return touched

    async def _threads(self, account_id: UUID) -> AsyncIterator[Any]:
        def page(tx: Transaction, last: Any | None) -> list[Any]:
            return queries.threads_of(tx, account_id, None if last is None else last.id, PAGE)

        async for row in each_row(self._db, page):
            checkpoints, size_bytes = await self._db.read(lambda tx, each=row: queries.size_of(tx, each.id))
            yield {"session_id": row.session_id, "agent": row.agent, "created_at": row.created_at, "checkpoints": checkpoints, "size_bytes": size_bytes}
