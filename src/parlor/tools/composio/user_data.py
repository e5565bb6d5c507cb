"""What is held about a person here, and at Composio on our account."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError
from parlor.core.log import get_logger
from parlor.core.userdata import each_row
from parlor.tools.composio import queries
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.connections import NEWEST, Connections
from parlor.tools.composio.errors import UnknownToComposio

PAGE = 200
FORGET_SECONDS = 10.0
_AT_ONCE = 4

log = get_logger("parlor.tools")


class ComposioUserData:
    name = "composio"
    tables = ("composio_connections",)
    describes: ClassVar[Mapping[str, str]] = {"composio_connections": "What was connected through Composio: which toolkit, when, and how it stands."}

    def __init__(self, db: Database, connections: Connections, client: ComposioClient) -> None:
        self._db = db
        self._connections = connections
        self._client = client

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        rows = each_row(self._db, lambda tx, last: _page(tx, account_id, last))
        return {"composio_connections": (_told(row) async for row in rows)}

    async def erase(self, account_id: UUID) -> int:
        """Composio deletes the connected accounts, with the credentials in them, within seconds. What it does not answer to now is asked for again, for a
        day, by jobs that know nothing of the account."""
        gone = await self._db.write(lambda tx: queries.remove_all(tx, account_id), bulk=True)
        left = await self._forgotten(gone)
        if left:
            log.warning("composio.accounts_not_deleted_yet", accounts=len(left), deleted=len(gone) - len(left))
            await self._db.write(lambda tx: [self._connections.forget_later(tx, each) for each in left])
        return len(gone)

    async def _forgotten(self, connected_account_ids: Sequence[str]) -> Sequence[str]:
        """Those that are still there when the time is over."""
        left = list(connected_account_ids)
        if not left or not self._client.is_configured:
            return left
        places = asyncio.Semaphore(_AT_ONCE)

        async def forget(connected_account_id: str) -> None:
            async with places:
                try:
                    await self._client.delete_connected_account(connected_account_id)
                except UnknownToComposio:
                    pass
                except ParlorError:
                    return
                left.remove(connected_account_id)

        tasks = [asyncio.create_task(forget(each)) for each in connected_account_ids]
        _, late = await asyncio.wait(tasks, timeout=FORGET_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return left


def _page(tx: Transaction, account_id: UUID, last: Any | None) -> Sequence[Any]:
    return queries.page(tx, account_id, NEWEST if last is None else last.id, PAGE)


def _told(row: Any) -> Any:
    kept = ("id", "toolkit", "status", "status_reason", "created_at", "updated_at")
    return {name: msgspec.to_builtins(getattr(row, name)) for name in kept}
