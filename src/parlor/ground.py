"""The ground floor as modules: what everything else stands on. Always on, and part of every container.

`core` knows nothing of modules; this says which of its parts have settings, and which are built once per process. Settings are named, not
imported, and everything else is imported when a container is built: `parlor --help` must not wait for SQLAlchemy.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka

    from parlor.core.cache import Cache
    from parlor.core.cache.user_data import CacheUserData
    from parlor.core.db import Database
    from parlor.core.events import Events, EventsUserData
    from parlor.core.idempotency import Idempotency, IdempotencyUserData
    from parlor.core.jobs import Job, JobsUserData
    from parlor.core.userdata import UserData

_UNTOLD_SECONDS = 25.0
"""How long a process that nobody tells of erasures may keep what it has cached."""


def _house() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.clock import Clock, SystemClock
    from parlor.core.lifecycle import Residents, Shutdown, StartupNotices
    from parlor.core.metrics import Metrics

    provider = Provider(scope=Scope.APP)
    provider.provide(SystemClock, provides=Clock)
    provider.provide(Shutdown)
    provider.provide(Metrics)
    provider.provide(lambda: StartupNotices(), provides=StartupNotices)
    provider.provide(lambda: Residents(), provides=Residents)
    return provider


def _database() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.clock import Clock
    from parlor.core.collected import Migrations
    from parlor.core.db import Database, DatabaseSettings
    from parlor.core.db.opening import open_database
    from parlor.core.settings import RootSettings

    async def database(settings: DatabaseSettings, root: RootSettings, clock: Clock, migrations: Migrations) -> AsyncIterator[Database]:
        async with open_database(settings, root, clock) as opened:
            if await _is_empty(opened):
                from parlor.core.db.migrate import upgrade

                await upgrade(settings, root, migrations)
            yield opened

    provider = Provider(scope=Scope.APP)
    provider.provide(database)
    return provider


async def _is_empty(database: "Database") -> bool:
    """A command may be the first that ever ran here. A schema that is there is left to `serve` and `db upgrade`."""
    from sqlalchemy import text

    from parlor.core.db import statement

    version_tables = statement(
        sqlite=text("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"),
        postgres=text("SELECT tablename FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = ANY (current_schemas(false))"),
    )
    return await database.read(lambda tx: not tx.run(version_tables).all())


def _jobs() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.collected import JobDefinitions
    from parlor.core.db import Database
    from parlor.core.jobs import JobRunner, Jobs, JobSettings, JobsUserData

    def runner(db: Database, jobs: Jobs, definitions: JobDefinitions, settings: JobSettings) -> JobRunner:
        return JobRunner(db, jobs, definitions, settings)

    provider = Provider(scope=Scope.APP)
    provider.provide_all(Jobs, JobsUserData)
    provider.provide(runner)
    return provider


def _job_user_data(user_data: "JobsUserData") -> "UserData":
    return user_data


def _events() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.events import Events, EventsUserData

    provider = Provider(scope=Scope.APP)
    provider.provide_all(Events, EventsUserData)
    return provider


def _event_jobs(events: "Events") -> "Sequence[Job]":
    return events.jobs()


def _event_user_data(user_data: "EventsUserData") -> "UserData":
    return user_data


def _idempotency() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.idempotency import Idempotency, IdempotencyUserData

    provider = Provider(scope=Scope.APP)
    provider.provide_all(Idempotency, IdempotencyUserData)
    return provider


def _idempotency_jobs(idempotency: "Idempotency") -> "Sequence[Job]":
    return idempotency.jobs()


def _idempotency_user_data(user_data: "IdempotencyUserData") -> "UserData":
    return user_data


def _redis() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.redis import RedisClient
    from parlor.core.redis_settings import RedisSettings

    async def client(settings: RedisSettings) -> AsyncIterator[RedisClient]:
        redis = RedisClient(settings)
        yield redis
        await redis.aclose()

    provider = Provider(scope=Scope.APP)
    provider.provide(client)
    return provider


def _limits() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.limits import LimitSettings, RateLimits
    from parlor.core.redis import RedisClient

    def limits(settings: LimitSettings, redis: RedisClient) -> RateLimits:
        if not redis.is_configured:
            return RateLimits(settings)
        from parlor.core.limits.redis_windows import RedisWindows

        return RateLimits(settings, RedisWindows(redis))

    provider = Provider(scope=Scope.APP)
    provider.provide(limits)
    return provider


def _cache() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.cache import Cache, CacheSettings, MemoryCache, RedisCache
    from parlor.core.cache.user_data import CacheUserData
    from parlor.core.db import DatabaseSettings
    from parlor.core.redis import RedisClient

    def cache(settings: CacheSettings, redis: RedisClient, database: DatabaseSettings) -> Iterator[Cache]:
        if redis.is_configured:
            yield RedisCache(redis, settings)
            return
        # Others on the same Postgres would not hear what is to be forgotten; on SQLite the only server does, from the job that erases a second time.
        memory = MemoryCache(settings, longest_seconds=_UNTOLD_SECONDS) if database.is_postgres else MemoryCache(settings)
        yield memory
        memory.close()

    provider = Provider(scope=Scope.APP)
    provider.provide(cache)
    provider.provide(CacheUserData)
    return provider


def _cache_jobs(cache: "Cache") -> "Sequence[Job]":
    from parlor.core.cache.user_data import forgetting_jobs

    return forgetting_jobs(cache)


def _cache_user_data(user_data: "CacheUserData") -> "UserData":
    return user_data


def _outbound() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.core.outbound import provide_outbound

    provider = Provider(scope=Scope.APP)
    provider.provide(provide_outbound)
    return provider


modules = (
    Module(name="core", provider=_house, is_ground=True),
    Module(name="log", settings="parlor.core.log:LogSettings", is_ground=True),
    Module(
        name="database",
        settings="parlor.core.db.settings:DatabaseSettings",
        provider=_database,
        cli_help="The schema of the database.",
        commands={"db upgrade": "parlor.database_cli:upgrade", "db status": "parlor.database_cli:status"},
        is_ground=True,
    ),
    Module(name="jobs", settings="parlor.core.jobs.settings:JobSettings", provider=_jobs, user_data=_job_user_data, is_ground=True),
    Module(name="events", provider=_events, jobs=_event_jobs, user_data=_event_user_data, is_ground=True),
    Module(name="idempotency", provider=_idempotency, jobs=_idempotency_jobs, user_data=_idempotency_user_data, is_ground=True),
    Module(name="redis", settings="parlor.core.redis_settings:RedisSettings", provider=_redis, is_ground=True),
    Module(
        name="cache",
        settings="parlor.core.cache.settings:CacheSettings",
        provider=_cache,
        jobs=_cache_jobs,
        user_data=_cache_user_data,
        is_ground=True,
    ),
    Module(name="limits", settings="parlor.core.limits.settings:LimitSettings", provider=_limits, is_ground=True),
    Module(name="outbound", settings="parlor.core.outbound.settings:OutboundSettings", provider=_outbound, is_ground=True),
    Module(name="server", settings="parlor.core.web.settings:ServerSettings", is_ground=True),
)
