"""The tools room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module
from parlor.tools.settings import ToolSettings

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.clock import Clock
    from parlor.core.health import Check
    from parlor.core.jobs import Job
    from parlor.core.outbound import Outbound
    from parlor.core.userdata import UserData
    from parlor.tools.mcp.catalog import McpServers
    from parlor.tools.mcp.oauth.jobs import GrantPruning
    from parlor.tools.mcp.pins import PinBook
    from parlor.tools.mcp.source import McpToolSource
    from parlor.tools.mcp.states import ServerStates
    from parlor.tools.ports import Tool, ToolSource
    from parlor.tools.user_data import ToolsUserData


def _provider() -> "dishka.Provider":
    from parlor.tools.provider import tools_provider

    return tools_provider()


def _routes() -> "Sequence[APIRouter]":
    from parlor.tools.api import router
    from parlor.tools.mcp import api as servers_api
    from parlor.tools.mcp.oauth.api import oauth_router

    return (router, servers_api.router, oauth_router())


def _health(servers: "McpServers", pins: "PinBook", states: "ServerStates") -> "Sequence[Check]":
    from parlor.tools.mcp.checks import checks

    return checks(servers, pins, states)


def _jobs(grants: "GrantPruning") -> "Sequence[Job]":
    return (grants.job(),)


def _user_data(user_data: "ToolsUserData") -> "UserData":
    return user_data


def _tools(clock: "Clock", outbound: "Outbound", servers: "McpToolSource") -> "Sequence[Tool | ToolSource]":
    from parlor.tools.builtin.calculator import Calculator
    from parlor.tools.builtin.current_time import CurrentTime
    from parlor.tools.builtin.fetch import Fetch

    return (Calculator(), CurrentTime(clock), Fetch(outbound), servers)


module = Module(
    name="tools",
    settings=ToolSettings,
    requires=("turns",),
    provider=_provider,
    routes=_routes,
    health=_health,
    jobs=_jobs,
    user_data=_user_data,
    cli="parlor.tools.cli:app",
    cli_help="Tools: which there are, and calling one.",
    tools=_tools,
    commands={"llm call-with-tools": "parlor.tools.llm_cli:call_with_tools", "mcp": "parlor.tools.mcp.cli:app"},
)
