"""One action as a tool: run with the caller's own connected account, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from parlor.core.errors import ParlorError
from parlor.core.redaction import scrub
from parlor.tools.composio.catalogue import Catalogue
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.connections import Connection, Connections, user_id_of
from parlor.tools.composio.definitions import Definition
from parlor.tools.composio.errors import ComposioRefused, ComposioUnavailable, UnknownToComposio
from parlor.tools.composio.wire import Action, Executed
from parlor.tools.errors import ToolError
from parlor.tools.ports import Asked, ExecutionContext, InputRequired

_MAX_ERROR = 2_000


@dataclass(frozen=True)
class Workshop:
    """What all of them work with."""

    client: ComposioClient
    connections: Connections
    catalogue: Catalogue


class ComposioTool:
    """With `pinned` it uses that connection and asks nobody; else the newest of the caller's own that works, and where there is none it asks to sign in."""

    def __init__(self, workshop: Workshop, action: Action, definition: Definition, *, pinned: Connection | None = None) -> None:
        self._workshop = workshop
        self._action = action
        self._definition = definition
        self._pinned = pinned

    @property
    def name(self) -> str:
        return self._definition.name

    @property
    def description(self) -> str:
        return self._definition.description

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._definition.parameters

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        """The action's own data. Executed once at most: a request without an answer is an error that says so."""
        try:
            connection = await self._connection(context)
            return await self._execute(arguments, context, connection)
        except ParlorError as error:
            raise ToolError(error.detail) from error

    async def _connection(self, context: ExecutionContext) -> Connection | None:
        if self._pinned is not None:
            if self._pinned.account_id != context.account_id or self._pinned.toolkit != self._action.toolkit.slug:
                raise ToolError("This connection is somebody else's, or another toolkit's.")
            return self._pinned
        if self._action.no_auth:
            return None
        found = await self._workshop.connections.usable(context.account_id, self._action.toolkit.slug)
        if found is None:
            await self._ask(context)
        return found

    async def _execute(self, arguments: Mapping[str, Any], context: ExecutionContext, connection: Connection | None) -> Any:
        slug, toolkit = self._action.slug, self._action.toolkit.slug
        version = await self._workshop.catalogue.version(toolkit)
        account_id = None if connection is None else connection.connected_account_id
        try:
            executed = await self._workshop.client.execute(
                slug, arguments, user_id=user_id_of(context.account_id), connected_account_id=account_id, version=version
            )
        except ComposioUnavailable as error:
            doubt = " Nobody knows whether it was done: look before you try again." if error.may_be_done else ""
            raise ToolError(error.detail + doubt) from error
        except (ComposioRefused, UnknownToComposio) as error:
            if connection is not None:
                await self._ask_if_lapsed(context, connection)
            said = getattr(error, "said", "")
            raise ToolError(f"{error.detail} It says: {said}" if said else error.detail) from error
        return _data_of(executed)

    async def _ask_if_lapsed(self, context: ExecutionContext, connection: Connection) -> None:
        """A refusal may be about the connection, which then works no more: nothing was done, and only the person can help."""
        now = await self._workshop.connections.refresh(connection)
        if now.status == "active":
            return
        if self._pinned is not None:
            raise ToolError(f"This connection to {connection.toolkit} is {now.status}: connect again.")
        await self._ask(context)

    async def _ask(self, context: ExecutionContext) -> NoReturn:
        toolkit = self._action.toolkit.slug
        key = f"composio:{toolkit}"
        answered = context.answers.get(key)
        if answered is not None and not answered.is_accepted:
            raise ToolError(f"The user does not want to connect {toolkit}.")
        begun = await self._workshop.connections.initiate(context.caller, toolkit)
        raise InputRequired(Asked(kind="signin", text=f"Connect {toolkit} to go on.", key=key, url=begun.redirect_url))


def _data_of(executed: Executed) -> Any:
    if executed.successful:
        return executed.data
    said = executed.error if isinstance(executed.error, str) and executed.error else "the action failed"
    raise ToolError(scrub(said)[:_MAX_ERROR])
