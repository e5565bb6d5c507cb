"""Background work of chat."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from parlor.chat import session_queries
from parlor.chat.settings import ChatSettings
from parlor.core.db import Database, Transaction
from parlor.core.jobs import Job


def jobs(db: Database, settings: ChatSettings) -> Sequence[Job]:
    def rest(tx: Transaction) -> int:
        return session_queries.rest_sessions(tx, tx.now() - timedelta(seconds=settings.session_ttl_seconds))

    async def deactivate_stale_sessions(args: Mapping[str, Any]) -> None:
        await db.write(rest, bulk=True)

    return (Job("chat.deactivate_stale_sessions", deactivate_stale_sessions, every_seconds=60, first_after_seconds=7),)
