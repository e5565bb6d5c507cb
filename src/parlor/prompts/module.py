"""The prompts room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.userdata import UserData
    from parlor.prompts.user_data import PromptsUserData


def _provider() -> "dishka.Provider":
    from parlor.prompts.provider import prompts_provider

    return prompts_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.prompts.api import router

    return (router,)


def _user_data(user_data: "PromptsUserData") -> "UserData":
    return user_data


module = Module(
    name="prompts",
    settings="parlor.prompts.settings:PromptsSettings",
    requires=("accounts",),
    provider=_provider,
    routes=_routes,
    cli="parlor.prompts.cli:app",
    cli_help="Users' own layers over the prompts of agents.",
    user_data=_user_data,
)
