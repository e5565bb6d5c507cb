"""What the queue holds about a person: jobs that name the account in their arguments."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.db import Database
from parlor.core.jobs import queries


class JobsUserData:
    name = "jobs"
    tables = ("jobs",)
    describes: ClassVar[Mapping[str, str]] = {"jobs": "Background work for this account that is not done yet."}

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        rows = await self._db.read(lambda tx: queries.naming(tx, str(account_id)))
        return {"jobs": [{"name": row.name, "state": row.state, "created_at": row.created_at} for row in rows]}

    async def erase(self, account_id: UUID) -> int:
        """Also of one that runs at this moment: it finds its account gone."""
        return await self._db.write(lambda tx: queries.remove_naming(tx, str(account_id)), bulk=True)
