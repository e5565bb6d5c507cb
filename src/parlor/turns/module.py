"""The turns room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module
from parlor.turns.settings import TurnSettings

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData
    from parlor.turns.engine import TurnEngine
    from parlor.turns.sweep import TurnSweep
    from parlor.turns.user_data import TurnUserData


def _provider() -> "dishka.Provider":
    from parlor.turns.provider import turns_provider

    return turns_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.turns.api import router

    return (router,)


def _health(engine: "TurnEngine") -> "Sequence[Check]":
    from parlor.turns.checks import health

    return health(engine)


def _jobs(sweep: "TurnSweep", settings: TurnSettings) -> "Sequence[Job]":
    from parlor.turns.jobs import jobs

    return jobs(sweep, settings)


def _user_data(user_data: "TurnUserData") -> "UserData":
    return user_data


def _invariants() -> "Sequence[Invariant]":
    from parlor.turns.checks import invariants

    return invariants()


module = Module(
    name="turns",
    settings=TurnSettings,
    requires=("accounts", "wallet", "llm"),
    provider=_provider,
    routes=_routes,
    health=_health,
    jobs=_jobs,
    user_data=_user_data,
    invariants=_invariants,
)
