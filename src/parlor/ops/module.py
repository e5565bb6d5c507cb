"""The ops room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module
from parlor.ops.settings import OpsSettings

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.db import Database, DatabaseSettings
    from parlor.core.health import Check
    from parlor.core.jobs import Jobs
    from parlor.core.redis import RedisClient
    from parlor.core.redis_settings import RedisSettings


def _provider() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.ops.board import HealthBoard
    from parlor.ops.readiness import HealthReaders, Readiness

    provider = Provider(scope=Scope.APP)
    provider.provide(HealthBoard)
    provider.provide(HealthReaders)
    provider.provide(Readiness)
    return provider


def _routes() -> "Sequence[APIRouter]":
    from parlor.ops.api import router
    from parlor.ops.metrics_api import router as metrics_router

    return (router, metrics_router)


def _health(db: "Database", settings: "DatabaseSettings", jobs: "Jobs", redis: "RedisClient", redis_settings: "RedisSettings") -> "Sequence[Check]":
    from parlor.ops.checks import ground_checks

    return ground_checks(db, settings, jobs, redis, redis_settings)


module = Module(
    name="ops",
    settings=OpsSettings,
    requires=("accounts",),
    provider=_provider,
    routes=_routes,
    commands={"serve": "parlor.server:serve", "doctor": "parlor.ops.cli:doctor", "health": "parlor.ops.cli:health"},
    health=_health,
)
