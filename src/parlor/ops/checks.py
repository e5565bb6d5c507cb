"""Checks of the ground floor, which has no room of its own."""

from collections.abc import Sequence

from sqlalchemy import Integer, text

from parlor.core.db import Database, DatabaseSettings, statement
from parlor.core.health import Check, Health, Status
from parlor.core.jobs import Jobs
from parlor.core.redis import RedisClient
from parlor.core.redis.checks import redis_check
from parlor.core.redis_settings import RedisSettings

_one = statement(text("SELECT 1 AS one").columns(one=Integer))
_LATE_SECONDS = 60


async def ask_database(db: Database) -> None:
    """One round trip through the pool that requests use. Raises what the database raises."""
    await db.read(lambda tx: tx.run(_one).scalar())


def ground_checks(db: Database, settings: DatabaseSettings, jobs: Jobs, redis: RedisClient, redis_settings: RedisSettings) -> Sequence[Check]:
    async def database() -> Health:
        await ask_database(db)
        return Health(Status.OK, details={"engine": "postgres" if settings.is_postgres else "sqlite"})

    async def queue() -> Health:
        backlog, now = await db.read(lambda tx: (jobs.backlog(tx), tx.now()))
        late_seconds = 0.0 if backlog.oldest_due_at is None else max(0.0, (now - backlog.oldest_due_at).total_seconds())
        details = {"queued": backlog.queued, "running": backlog.running, "failed": backlog.failed, "late_seconds": round(late_seconds, 1)}
        if late_seconds > _LATE_SECONDS:
            advice = "Start a worker, or let the server run jobs (PARLOR_JOBS__RUN_IN_SERVER)."
            return Health(Status.DEGRADED, f"the oldest job has waited for {late_seconds:.0f} s", advice, details)
        return Health(Status.OK, details=details)

    return [Check("database", database), Check("jobs", queue), redis_check(redis, redis_settings)]
