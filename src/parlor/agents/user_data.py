"""What is stored about a person who has made agents."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.agents import queries
from parlor.agents.catalog.executor_cache import ExecutorCache
from parlor.core.db import Database, Transaction
from parlor.core.userdata import each_row

PAGE = 100
NO_LIMIT = 2**31 - 1


class AgentsUserData:
    name = "agents"
    tables = ("agents", "agent_versions")
    describes: ClassVar[Mapping[str, str]] = {
        "agents": "Agents that were made for this account alone, as they are now.",
        "agent_versions": "What those agents were before, version by version.",
    }

    def __init__(self, db: Database, cache: ExecutorCache) -> None:
        self._db = db
        self._cache = cache

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        rows = await self._db.read(lambda tx: queries.of_owner(tx, account_id))
        names = ("name", "definition", "version", "created_at", "updated_at")
        return {"agents": [{name: getattr(row, name) for name in names} for row in rows], "agent_versions": self._versions(rows)}

    async def erase(self, account_id: UUID) -> int:
        """Their own agents go; that they wrote a version of a shared one is forgotten."""

        def erase(tx: Transaction) -> int:
            gone = [queries.remove(tx, row.id) for row in queries.of_owner(tx, account_id)]
            return len(gone) + queries.unname(tx, account_id)

        touched = await self._db.write(erase, bulk=True)
        self._cache.evict([account_id])
        return touched

    async def _versions(self, rows: list[Any]) -> AsyncIterator[Any]:
        for row in rows:
            async for each in each_row(self._db, lambda tx, last, agent=row: _page(tx, agent.id, last)):
                yield {"name": row.name, "version": each.version, "definition": each.definition, "created_at": each.created_at}


def _page(tx: Transaction, agent_id: UUID, last: Any | None) -> list[Any]:
    return queries.versions(tx, agent_id, NO_LIMIT if last is None else last.version, PAGE)
