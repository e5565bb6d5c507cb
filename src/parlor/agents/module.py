"""The agents room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.settings import AgentsSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.agents.catalog.executor_cache import ExecutorCache
    from parlor.agents.catalog.operators import OperatorAgents
    from parlor.agents.user_data import AgentsUserData
    from parlor.core.db import Database
    from parlor.core.health import Check
    from parlor.core.userdata import UserData


def _provider() -> "dishka.Provider":
    from parlor.agents.provider import agents_provider

    return agents_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.agents.catalog.api import router
    from parlor.agents.prompts.api import router as prompts_router

    return (router, prompts_router)


def _health(db: "Database", operators: "OperatorAgents", cache: "ExecutorCache") -> "Sequence[Check]":
    from parlor.agents.catalog.checks import checks

    return checks(db, operators, cache)


def _user_data(user_data: "AgentsUserData") -> "UserData":
    return user_data


modules = (
    Module(name="agent_runtime", settings=AgentRuntimeSettings),
    Module(
        name="agents",
        settings=AgentsSettings,
        requires=("tools", "prompts", "agent_runtime"),
        provider=_provider,
        routes=_routes,
        health=_health,
        user_data=_user_data,
        cli="parlor.agents.cli:app",
        cli_help="Agents: which there are, and asking one.",
        commands={"prompts effective": "parlor.agents.prompts.cli:effective"},
    ),
)
