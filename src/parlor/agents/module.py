"""The agents room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.agents.settings import AgentsSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter


def _provider() -> "dishka.Provider":
    from parlor.agents.provider import agents_provider

    return agents_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.agents.prompts_api import router as prompts_router

    return (prompts_router,)


module = Module(
    name="agents",
    settings=AgentsSettings,
    requires=("tools", "prompts"),
    provider=_provider,
    routes=_routes,
    commands={"prompts effective": "parlor.agents.prompts_cli:effective"},
)
