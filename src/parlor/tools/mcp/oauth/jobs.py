"""Background work of grants."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from parlor.core.db import Database
from parlor.core.jobs import Job
from parlor.tools.mcp.oauth import queries

KEPT = timedelta(days=1)


class GrantPruning:
    """Deletes sign-ins that nobody came back from in time, and grants without a refresh token a day after their end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run(self, args: Mapping[str, Any]) -> None:
        while await self._db.write(lambda tx: queries.prune_sign_ins(tx, tx.now()), bulk=True):
            pass
        while await self._db.write(lambda tx: queries.prune_grants(tx, tx.now() - KEPT), bulk=True):
            pass

    def job(self) -> Job:
        return Job("tools.prune_grants", self.run, every_seconds=3600, first_after_seconds=180)
