import asyncio
from typing import Any

import pytest

from parlor.accounts import Authenticator
from parlor.core.collected import Checks
from parlor.core.db import Database, DatabaseSettings
from parlor.core.db.opening import open_database
from parlor.core.health import Check, Health, Status
from parlor.core.jobs import Jobs
from parlor.core.lifecycle import Shutdown
from parlor.core.redis import RedisClient
from parlor.core.redis_settings import RedisSettings
from parlor.core.settings import RootSettings
from parlor.ops import HealthBoard
from parlor.ops.checks import ground_checks
from parlor.ops.readiness import HealthReaders, NotReady, Readiness
from parlor.ops.settings import OpsSettings
from parlor.testing import ManualClock

SETTINGS = OpsSettings(check_timeout_seconds=0.2, cache_seconds=0)


class Hanging:
    """A database that takes a transaction and never answers."""

    async def read(self, fn: Any, *, snapshot: bool = False) -> Any:
        await asyncio.Event().wait()

    write = read


async def test_it_is_ready_while_the_database_answers(db: Database) -> None:
    await Readiness(db, Shutdown(), SETTINGS).check()


async def test_it_is_not_ready_once_the_database_is_gone(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    """REL-11: readiness goes through the pool that requests use."""
    async with open_database(database_settings, root_settings, ManualClock()) as db:
        await Readiness(db, Shutdown(), SETTINGS).check()
    with pytest.raises(NotReady):
        await Readiness(db, Shutdown(), SETTINGS).check()
    checks = Checks(ground_checks(db, database_settings, Jobs(), RedisClient(RedisSettings()), RedisSettings()))
    seen = {each.name: each.status for each in await HealthBoard(checks, ManualClock(), SETTINGS).look()}
    assert (seen["database"], seen["jobs"], seen["redis"]) == (Status.DOWN, Status.DOWN, Status.OFF)


async def test_it_is_not_ready_while_the_database_hangs() -> None:
    with pytest.raises(NotReady) as refusal:
        await asyncio.wait_for(Readiness(Hanging(), Shutdown(), SETTINGS).check(), 10)
    assert refusal.value.facts["retry_after_seconds"] == 1


async def test_it_is_not_ready_when_the_end_was_asked_for(db: Database) -> None:
    shutdown = Shutdown()
    shutdown.request()
    shutdown.request()
    with pytest.raises(NotReady):
        await Readiness(db, shutdown, SETTINGS).check()


async def test_who_reads_the_health_is_known_without_a_database() -> None:
    """Signing in may be what is broken: then the health token still opens everything, and an access token nothing."""

    class Broken(Authenticator):
        def __init__(self) -> None: ...

        async def resolve(self, credential: str | None) -> Any:
            raise OSError("the database is gone")

    readers = HealthReaders(Broken(), OpsSettings(health_token="a-long-monitoring-token"))  # type: ignore[arg-type]  # pydantic makes the secret
    assert await readers.may_see_all("a-long-monitoring-token")
    assert not await readers.may_see_all("a-long-monitoring-tokem")
    assert not await readers.may_see_all("ä" * 24)
    assert not await readers.may_see_all(None)


async def test_a_job_that_nobody_takes_degrades_the_house(db: Database, database_settings: DatabaseSettings) -> None:
    jobs = Jobs()
    await db.write(lambda tx: jobs.enqueue(tx, "nobody.does_this", {}, delay_seconds=-120))
    checks: dict[str, Check] = {each.name: each for each in ground_checks(db, database_settings, jobs, RedisClient(RedisSettings()), RedisSettings())}
    health: Health = await checks["jobs"].look()
    assert (health.status, health.details["queued"]) == (Status.DEGRADED, 1)
    assert health.advice
