"""Executing an action over HTTP and at the command line, strictly with the caller's own connection."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor.core.ids import new_id
from parlor.tools.composio.catalogue import toolkit_of
from parlor.tools.composio.connections import Connection
from parlor.tools.composio.definitions import Definition, definition_of, tool_name
from parlor.tools.composio.errors import NoSuchAction, NotConnected
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.tool import ComposioTool, Workshop
from parlor.tools.composio.wire import Action
from parlor.tools.direct import ReviewedCalls
from parlor.tools.executor import ToolExecutor
from parlor.tools.ports import ExecutionContext, Offer, ToolCaller
from parlor.tools.schemas import ToolCallRead
from parlor.turns import ToolResult

_MOST_KEPT = 512
_SLUG = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,199}")


class Executing:
    def __init__(self, workshop: Workshop, policy: ToolkitPolicy, reviewed: ReviewedCalls, executor: ToolExecutor) -> None:
        self._workshop = workshop
        self._policy = policy
        self._reviewed = reviewed
        self._executor = executor
        self._definitions: OrderedDict[str, tuple[Action, Definition]] = OrderedDict()

    async def execute(
        self, caller: ToolCaller, slug: str, arguments: Mapping[str, Any], *, connection_id: UUID | None = None, confirm: str | None = None
    ) -> ToolCallRead:
        """Raises NotConfigured, NoSuchConnection, NotConnected before anything is asked for; NoSuchAction, NoSuchToolkit, ToolDenied, ApprovalRequired,
        InputNeeded; what Composio's failures are."""
        offer = await self._offer(caller, slug, connection_id)
        return await self._reviewed.run(offer, arguments, caller, confirm=confirm)

    async def execute_for(self, caller: ToolCaller, slug: str, arguments: Mapping[str, Any]) -> ToolResult:
        """At the operator's command line: who types it has looked at it. Raises like `execute`, and InputRequired."""
        return await self._executor.directly(await self._offer(caller, slug, None), arguments, ExecutionContext(caller, call_id=str(new_id())))

    async def _offer(self, caller: ToolCaller, slug: str, connection_id: UUID | None) -> Offer:
        self._workshop.client.require()
        slug = slug.upper()
        if _SLUG.fullmatch(slug) is None:
            raise NoSuchAction
        connection = await self._connection(caller, slug, connection_id)
        action = await self._action(caller, slug, connection)
        tool = ComposioTool(self._workshop, action, self._definition(action), pinned=connection)
        return Offer(tool, "composio", needs_approval=self._policy.needs_approval(action.toolkit.slug, slug))

    def _definition(self, action: Action) -> Definition:
        """The same for the same action: validators of arguments are kept by the very schema that they were made of."""
        kept = self._definitions.get(action.slug)
        if kept is None or kept[0] is not action:
            kept = self._definitions[action.slug] = (action, definition_of(action) or Definition(tool_name(action.slug), "", {}))
            if len(self._definitions) > _MOST_KEPT:
                self._definitions.popitem(last=False)
        return kept[1]

    async def _connection(self, caller: ToolCaller, slug: str, connection_id: UUID | None) -> Connection | None:
        """The caller's own that fits the action: the one named, else the newest. None for an action that is known to need none."""
        connections = self._workshop.connections
        if connection_id is not None:
            found = await connections.get(caller.account_id, connection_id)
            if found.status != "active" or toolkit_of(slug, {found.toolkit}) is None:
                raise NotConnected(found.toolkit)
            return found
        toolkit = toolkit_of(slug, {each.toolkit for each in await connections.open_ones(caller.account_id)})
        if toolkit is None:
            if self._workshop.catalogue.needs_no_connection(slug):
                return None
            raise NotConnected(self._likely_toolkit(slug))
        found = await connections.usable(caller.account_id, toolkit)
        if found is None:
            raise NotConnected(toolkit)
        return found

    async def _action(self, caller: ToolCaller, slug: str, connection: Connection | None) -> Action:
        toolkit = connection.toolkit if connection is not None else self._likely_toolkit(slug)
        self._policy.require(caller, toolkit)
        if not self._policy.allows(toolkit, slug):
            raise NoSuchAction
        action = await self._workshop.catalogue.action(toolkit, slug)
        if action.slug != slug or action.toolkit.slug != toolkit or (connection is None and not action.no_auth):
            raise NotConnected(action.toolkit.slug)
        return action

    def _likely_toolkit(self, slug: str) -> str:
        """By the names that are known, else the first word."""
        return toolkit_of(slug, self._policy.toolkits.keys() | self._workshop.catalogue.open) or slug.partition("_")[0].lower()
