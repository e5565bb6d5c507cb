"""The room of Composio."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.health import Check
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData
    from parlor.tools.composio.catalogue import Catalogue
    from parlor.tools.composio.client import ComposioClient
    from parlor.tools.composio.policy import ToolkitPolicy
    from parlor.tools.composio.source import ComposioToolSource
    from parlor.tools.composio.user_data import ComposioUserData
    from parlor.tools.composio.watching import Watching
    from parlor.tools.ports import ToolSource


def _provider() -> "dishka.Provider":
    from parlor.tools.composio.provider import composio_provider

    return composio_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.tools.composio.api import router

    return (router,)


def _health(client: "ComposioClient", catalogue: "Catalogue", policy: "ToolkitPolicy") -> "Sequence[Check]":
    from parlor.tools.composio.checks import checks

    return checks(client, catalogue, policy)


def _jobs(watching: "Watching", catalogue: "Catalogue") -> "Sequence[Job]":
    return [*watching.jobs(), catalogue.job()]


def _tools(source: "ComposioToolSource") -> "Sequence[ToolSource]":
    return (source,)


def _user_data(user_data: "ComposioUserData") -> "UserData":
    return user_data


module = Module(
    name="composio",
    requires=("tools",),
    provider=_provider,
    routes=_routes,
    cli="parlor.tools.composio.cli:app",
    cli_help="What users connect through Composio, and its actions.",
    health=_health,
    jobs=_jobs,
    tools=_tools,
    user_data=_user_data,
)
