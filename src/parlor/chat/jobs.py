"""Background work of chat."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from parlor.chat import session_queries
from parlor.chat.settings import ChatSettings
from parlor.chat.titles.writer import JOB as TITLE_JOB
from parlor.chat.titles.writer import TitleWriter
from parlor.core.db import Database, Transaction
from parlor.core.jobs import Job

PAGE = 200


def jobs(db: Database, settings: ChatSettings, titles: TitleWriter) -> Sequence[Job]:
    return (rest_job(db, settings), Job(TITLE_JOB, titles.run, attempts=3, timeout_seconds=300))


def rest_job(db: Database, settings: ChatSettings) -> Job:
    """A schedule is a row of the database that one server at a time moves on: of any number of them one does this, once a minute, and not when all others
    begin."""

    def rest(tx: Transaction) -> int:
        return session_queries.rest_sessions(tx, tx.now() - timedelta(seconds=settings.session_ttl_seconds), PAGE)

    async def deactivate_stale_sessions(args: Mapping[str, Any]) -> None:
        """Page by page, so that whoever sends a message never waits for more than one of them."""
        while await db.write(rest, bulk=True) == PAGE:
            pass

    return Job("chat.deactivate_stale_sessions", deactivate_stale_sessions, every_seconds=60, first_after_seconds=7)
