"""What the outbox holds about a person."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database
from parlor.core.events import queries


class EventsUserData:
    name = "events"

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        events = await self._db.read(lambda tx: queries.of_account(tx, account_id))
        return {"events": [msgspec.to_builtins(event) for event in events]}

    async def erase(self, account_id: UUID) -> int:
        """What was not delivered yet will not be: its delivery finds nothing and fails."""
        return await self._db.write(lambda tx: queries.remove_of_account(tx, account_id), bulk=True)
