"""Work on connections that nobody waits for: looking until a sign-in is finished, and having Composio forget what was removed here."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError
from parlor.core.jobs import Job
from parlor.tools.composio import queries
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.connections import FORGET, WATCH, Connection, Connections
from parlor.tools.composio.errors import UnknownToComposio
from parlor.tools.composio.statuses import Status

_GRACE = timedelta(hours=1)
"""How long after its time a sign-in may still be found to be finished, when Composio could not be asked before."""


class Watching:
    """One look is one job, which enqueues the next in the transaction that counts it. So a watch goes on after a crash, takes no place while it waits, and
    a job that is run twice does not become two watches."""

    def __init__(self, db: Database, connections: Connections, client: ComposioClient) -> None:
        self._db = db
        self._connections = connections
        self._client = client

    def jobs(self) -> Sequence[Job]:
        return [
            Job(WATCH, self._watch, attempts=20, timeout_seconds=120, retry_seconds=(2, 10, 30)),
            Job(FORGET, self._forget, attempts=40, timeout_seconds=120, retry_seconds=(2, 10, 60, 600, 3600)),
        ]

    async def _watch(self, args: Mapping[str, Any]) -> None:
        connection_id, poll = UUID(args["connection_id"]), int(args["poll"])
        row = await self._db.read(lambda tx: queries.find(tx, connection_id))
        if row is None or row.status != "initiated" or row.polls != poll:
            return
        status = await self._look(Connection(*row))
        await self._db.write(lambda tx: self._count(tx, connection_id, poll, status))

    async def _look(self, connection: Connection) -> Status | None:
        """None when Composio cannot be asked."""
        try:
            return await self._connections.status_at_composio(connection)
        except ParlorError:
            return None

    def _count(self, tx: Transaction, connection_id: UUID, poll: int, status: Status | None) -> None:
        row = queries.count_poll(tx, connection_id, poll)
        if row is None:
            return
        connection = Connection(*row)
        if status not in (None, "initiated"):
            self._connections.move(tx, connection, status)
            return
        ends_at = connection.watch_until + (_GRACE if status is None else timedelta())
        if tx.now() >= ends_at:
            self._connections.move(tx, connection, "expired")
        else:
            self._connections.watch_again(tx, connection_id, poll=poll + 1, remaining_seconds=(ends_at - tx.now()).total_seconds())

    async def _forget(self, args: Mapping[str, Any]) -> None:
        try:
            await self._client.delete_connected_account(args["connected_account_id"])
        except UnknownToComposio:
            return
