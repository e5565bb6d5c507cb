"""Executing an action over HTTP and at the command line, strictly with the caller's own connection."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

from parlor.core.ids import new_id
from parlor.tools.composio.catalogue import toolkit_of
from parlor.tools.composio.connections import Connection
from parlor.tools.composio.definitions import Definition, definition_of, tool_name
from parlor.tools.composio.errors import NoSuchAction, NotConnected
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.tool import ComposioTool, Workshop
from parlor.tools.ports import ExecutionContext, ToolCaller
from parlor.tools.running import ToolRunner
from parlor.turns import ToolResult

_SLUG = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,199}")


@dataclass(frozen=True)
class Execution:
    """`error` is what the action says when it failed. `took_ms` is all of it, as the caller waits for it."""

    result: Any
    error: str | None
    took_ms: float


class Executing:
    def __init__(self, workshop: Workshop, policy: ToolkitPolicy, runner: ToolRunner) -> None:
        self._workshop = workshop
        self._policy = policy
        self._runner = runner

    async def execute(self, caller: ToolCaller, slug: str, arguments: Mapping[str, Any], *, connection_id: UUID | None = None) -> Execution:
        """Raises NotConfigured, NoSuchConnection, NotConnected before anything is asked for; NoSuchAction, NoSuchToolkit; what Composio's failures are."""
        self._workshop.client.require()
        slug = slug.upper()
        if _SLUG.fullmatch(slug) is None:
            raise NoSuchAction
        connection = await self._connection(caller, slug, connection_id)
        tool = await self._tool(caller, slug, connection)
        began = perf_counter()
        done = await self._run(tool, arguments, ExecutionContext(caller, call_id=str(new_id())))
        return Execution(done.result, done.error, round((perf_counter() - began) * 1000, 1))

    async def _run(self, tool: ComposioTool, arguments: Mapping[str, Any], context: ExecutionContext) -> ToolResult:
        """The one place where a tool is run for this room."""
        return await self._runner.run(tool, arguments, context)

    async def _connection(self, caller: ToolCaller, slug: str, connection_id: UUID | None) -> Connection | None:
        """The caller's own that fits the action: the one named, else the newest. None for an action that is known to need none."""
        connections = self._workshop.connections
        if connection_id is not None:
            found = await connections.get(caller.account_id, connection_id)
            if found.status != "active" or toolkit_of(slug, {found.toolkit}) is None:
                raise NotConnected(found.toolkit)
            return found
        own = [*await connections.with_status(caller.account_id, "active"), *await connections.with_status(caller.account_id, "initiated")]
        toolkit = toolkit_of(slug, {each.toolkit for each in own})
        if toolkit is None:
            if self._workshop.catalogue.needs_no_connection(slug):
                return None
            raise NotConnected(self._likely_toolkit(slug))
        found = await connections.usable(caller.account_id, toolkit)
        if found is None:
            raise NotConnected(toolkit)
        return found

    async def _tool(self, caller: ToolCaller, slug: str, connection: Connection | None) -> ComposioTool:
        toolkit = connection.toolkit if connection is not None else self._likely_toolkit(slug)
        self._policy.require(caller, toolkit)
        if not self._policy.allows(toolkit, slug):
            raise NoSuchAction
        action = await self._workshop.catalogue.action(toolkit, slug)
        if action.slug != slug or action.toolkit.slug != toolkit or (connection is None and not action.no_auth):
            raise NotConnected(action.toolkit.slug)
        definition = definition_of(action) or Definition(tool_name(slug), "", {})
        return ComposioTool(self._workshop, action, definition, pinned=connection)

    def _likely_toolkit(self, slug: str) -> str:
        """By the names that are known, else the first word."""
        return toolkit_of(slug, self._policy.toolkits.keys() | self._workshop.catalogue.open) or slug.partition("_")[0].lower()
