"""What the outbox holds about a person."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.events import queries
from parlor.core.userdata import each_row

FIRST = UUID(int=0)
PAGE = 500


class EventsUserData:
    name = "events"
    tables = ("outbox",)
    describes: ClassVar[Mapping[str, str]] = {"events": "What happened to this account in the last days, as far as other parts of the system were told of it."}

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {"events": each_row(self._db, lambda tx, last: queries.of_account(tx, account_id, last.id if last else FIRST, PAGE))}

    async def erase(self, account_id: UUID) -> int:
        """What was not delivered yet will not be. What this person did to others stays, without their address."""

        def erase(tx: Transaction) -> int:
            return queries.remove_of_account(tx, account_id) + queries.unname_actor(tx, f"user:{account_id}")

        return await self._db.write(erase, bulk=True)
