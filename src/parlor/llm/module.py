"""The llm room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.health import Check
    from parlor.llm.registry import ModelRegistry


def _provider() -> "dishka.Provider":
    from parlor.llm.provider import llm_provider

    return llm_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.llm.api import router
    from parlor.llm.prices_api import router as prices_router
    from parlor.llm.stateless.api import router as stateless_router

    return (router, prices_router, stateless_router)


def _health(registry: "ModelRegistry") -> "Sequence[Check]":
    from parlor.llm.health import checks

    return checks(registry)


module = Module(
    name="llm",
    settings="parlor.llm.settings:LlmSettings",
    requires=("wallet",),
    provider=_provider,
    routes=_routes,
    cli="parlor.llm.cli:app",
    cli_help="List the models, and call one.",
    commands={"config list-models": "parlor.llm.cli:list_models", "wallet prices": "parlor.llm.prices_cli:app"},
    health=_health,
)
