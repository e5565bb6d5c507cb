"""/composio: what can be connected, whose connections there are, and actions with them."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Path, Query

from parlor.accounts import AdminDep, AdministratorsOnly, ChatDep, ChatReadDep
from parlor.core.errors import ParlorError
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.core.web.pages import BadCursor, encode_cursor
from parlor.tools.composio.auth_configs import AuthConfigs
from parlor.tools.composio.connections import Connections
from parlor.tools.composio.errors import (
    ComposioBusy,
    ComposioRefused,
    ComposioUnavailable,
    KeyRefused,
    NoSuchAction,
    NoSuchAuthConfig,
    NoSuchConnection,
    NoSuchToolkit,
    NotConfigured,
    NotConnected,
    NoVersion,
    TooManySignIns,
    UnsafeCallback,
)
from parlor.tools.composio.execution import Executing
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.schemas import (
    ActionExecute,
    ActionRead,
    AuthConfigCreate,
    AuthConfigRead,
    ConnectionBegun,
    ConnectionInitiate,
    ConnectionRead,
    ToolkitRead,
)
from parlor.tools.composio.settings import TOOLKIT_PATTERN
from parlor.tools.composio.toolkits import Toolkits
from parlor.tools.errors import ApprovalRequired, InputNeeded, ToolDenied
from parlor.tools.ports import ToolCaller
from parlor.tools.schemas import ToolCallRead

router = Router(prefix="/composio", tags=["composio"])

_FAILURES: Sequence[type[ParlorError]] = (NotConfigured, KeyRefused, ComposioBusy, ComposioUnavailable)
Search = Annotated[str | None, Query(min_length=1, max_length=200, description="Only what has these words in it.")]
ToolkitPath = Annotated[str, Path(pattern=f"^{TOOLKIT_PATTERN}$")]


@router.get("/auth-configs", responses=documents(AdministratorsOnly, BadCursor, ComposioRefused, *_FAILURES))
async def list_auth_configs(
    _: AdminDep, auth_configs: FromDishka[AuthConfigs], page: PageDep, toolkit: Annotated[str | None, Query(pattern=f"^{TOOLKIT_PATTERN}$")] = None
) -> Page[AuthConfigRead]:
    """How users sign in to toolkits, without any credentials."""
    scope = "composio.auth_configs"
    found = await auth_configs.list(toolkit=toolkit, limit=page.limit, cursor=page.after(scope, str))
    return Page(items=[AuthConfigRead.of(each) for each in found.items], next_cursor=_cursor(scope, found.next_cursor))


@router.post("/auth-configs", status_code=201, responses=documents(AdministratorsOnly, NoSuchToolkit, ComposioRefused, *_FAILURES))
async def create_auth_config(body: AuthConfigCreate, _: AdminDep, auth_configs: FromDishka[AuthConfigs]) -> AuthConfigRead:
    """Let users of a toolkit sign in: through Composio's own app, or with a scheme and credentials of yours."""
    return AuthConfigRead.made(await auth_configs.create(body.toolkit, scheme=body.auth_scheme, credentials=body.secrets(), name=body.name))


@router.get("/toolkits", responses=documents(BadCursor, ComposioRefused, *_FAILURES))
async def list_toolkits(caller: ChatReadDep, toolkits: FromDishka[Toolkits], page: PageDep, search: Search = None) -> Page[ToolkitRead]:
    """What the caller may connect."""
    scope = "composio.toolkits"
    found = await toolkits.list(ToolCaller.of(caller), search=search, limit=page.limit, cursor=page.after(scope, str))
    return Page(items=[ToolkitRead.of(each) for each in found.items], next_cursor=_cursor(scope, found.next_cursor))


@router.get("/toolkits/{toolkit}/actions", responses=documents(NoSuchToolkit, BadCursor, ComposioRefused, NoVersion, *_FAILURES))
async def list_actions(
    toolkit: ToolkitPath, caller: ChatReadDep, toolkits: FromDishka[Toolkits], policy: FromDishka[ToolkitPolicy], page: PageDep, search: Search = None
) -> Page[ActionRead]:
    """The actions of a toolkit, with the schemas of their arguments."""
    scope = f"composio.actions:{toolkit}"
    found = await toolkits.actions(ToolCaller.of(caller), toolkit, search=search, limit=page.limit, cursor=page.after(scope, str))
    items = [ActionRead.of(each, needs_approval=policy.needs_approval(toolkit, each.slug)) for each in found.items]
    return Page(items=items, next_cursor=_cursor(scope, found.next_cursor))


_BEGINNING = documents(NoSuchToolkit, NoSuchAuthConfig, UnsafeCallback, TooManySignIns, ComposioRefused, *_FAILURES)


@router.post("/connections/initiate", status_code=201, responses=_BEGINNING)
@router.post("/connections/initiate-enhanced", status_code=201, responses=_BEGINNING)
async def initiate_connection(body: ConnectionInitiate, caller: ChatDep, connections: FromDishka[Connections]) -> ConnectionBegun:
    """Begin to connect something: the person signs in at `redirect_url`, and the connection becomes active."""
    begun = await connections.initiate(ToolCaller.of(caller), body.toolkit, auth_config_id=body.auth_config_id, callback_url=body.callback_url)
    return ConnectionBegun.of(begun)


@router.get("/connections", responses=documents(BadCursor))
async def list_connections(caller: ChatReadDep, connections: FromDishka[Connections], page: PageDep) -> Page[ConnectionRead]:
    """The caller's own, newest first."""
    scope = f"composio.connections:{caller.account_id}"
    found = await connections.list(caller.account_id, before=page.after(scope, UUID), most=page.fetch)
    shown, next_cursor = cut_page(found, page.limit, scope, lambda each: each.id)
    return Page(items=[ConnectionRead.of(each) for each in shown], next_cursor=next_cursor)


@router.get("/connections/{connection_id}", responses=documents(NoSuchConnection, *_FAILURES))
async def read_connection(connection_id: UUID, caller: ChatReadDep, connections: FromDishka[Connections]) -> ConnectionRead:
    """One whose sign-in is not finished is looked at anew."""
    return ConnectionRead.of(await connections.get(caller.account_id, connection_id))


@router.delete("/connections/{connection_id}", status_code=204, responses=documents(NoSuchConnection))
async def delete_connection(connection_id: UUID, caller: ChatDep, connections: FromDishka[Connections]) -> None:
    """Nothing can be done with it any more, and Composio forgets it."""
    await connections.remove(caller.account_id, connection_id)


@router.post(
    "/tools/{slug}/execute",
    responses=documents(
        NoSuchAction, NoSuchToolkit, NoSuchConnection, NotConnected, NoVersion, ComposioRefused, ToolDenied, ApprovalRequired, InputNeeded, *_FAILURES
    ),
)
async def execute_action(slug: Annotated[str, Path(max_length=200)], body: ActionExecute, caller: ChatDep, executing: FromDishka[Executing]) -> ToolCallRead:
    """Execute an action with the caller's own connection. What the action itself says went wrong is in `error`.

    One that a person has to look at first answers 409 `tools.approval_required` with `confirm`: send it along to say yes.
    """
    return await executing.execute(ToolCaller.of(caller), slug, body.arguments, connection_id=body.connection_id, confirm=body.confirm)


def _cursor(scope: str, cursor: str | None) -> str | None:
    return None if cursor is None else encode_cursor(scope, cursor)
