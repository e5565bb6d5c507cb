"""The agents room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.settings import AgentsSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.agents.user_data import AgentsUserData
    from parlor.core.userdata import UserData


def _provider() -> "dishka.Provider":
    from parlor.agents.provider import agents_provider

    return agents_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.agents.prompts_api import router as prompts_router

    return (prompts_router,)


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
        user_data=_user_data,
        commands={"prompts effective": "parlor.agents.prompts_cli:effective"},
    ),
)
