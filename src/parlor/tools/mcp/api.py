"""/mcp/servers: which there are, adding those that are somewhere else, and approving tools that have changed."""

from typing import Annotated

from dishka.integrations.fastapi import FromDishka
from fastapi import Path

from parlor.accounts import AdminDep, AdministratorsOnly, Caller, ChatReadDep, ManageDep
from parlor.core.web import Page, Router, documents
from parlor.tools.mcp.administration import McpAdministration
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.errors import (
    BadServerHeaders,
    BadServerUrl,
    DefinitionMoved,
    NoSuchServer,
    NoSuchServerTool,
    ServerFromFile,
    ServerNameTaken,
    StdioNotOverApi,
    TooManyServers,
)
from parlor.tools.mcp.known import Known
from parlor.tools.mcp.schemas import (
    McpReload,
    McpServerCreate,
    McpServerDetail,
    McpServerRead,
    McpServerTest,
    McpServerUpdate,
    ToolApprove,
    ToolPinRead,
)
from parlor.tools.mcp.states import ServerStates
from parlor.tools.ports import ToolCaller

router = Router(prefix="/mcp", tags=["mcp"])

_RELOAD_SECONDS = 10.0
ServerPath = Annotated[str, Path(min_length=1, max_length=64, description="A server's name.")]
ToolPath = Annotated[str, Path(min_length=1, max_length=256, description="The server's own name of the tool.")]


@router.get("/servers")
async def list_servers(caller: ChatReadDep, servers: FromDishka[McpServers], states: FromDishka[ServerStates]) -> Page[McpServerRead]:
    """The servers that the caller may use: the operator's, then their own, each with its tools."""
    asks = ToolCaller.of(caller)
    found = [await states.of(each, asks) for each in await servers.open_to(asks)]
    return Page(items=[McpServerRead.of(state, is_inside=_is_inside(caller, state.known)) for state in found])


@router.get("/servers/{name}", responses=documents(NoSuchServer))
async def read_server(name: ServerPath, caller: ChatReadDep, servers: FromDishka[McpServers], states: FromDishka[ServerStates]) -> McpServerDetail:
    """One server, with the parameters of its tools, and both definitions of those that wait for approval."""
    known = await servers.get(name, ToolCaller.of(caller))
    return await _detail(caller, known, states)


@router.post(
    "/servers",
    status_code=201,
    responses=documents(AdministratorsOnly, StdioNotOverApi, ServerNameTaken, TooManyServers, BadServerUrl, BadServerHeaders),
)
async def create_server(
    body: McpServerCreate, caller: ManageDep, administration: FromDishka[McpAdministration], states: FromDishka[ServerStates]
) -> McpServerDetail:
    """Add a server that is somewhere else: an administrator for all, and where the operator allows it a user for themselves. It is connected to soon."""
    return await _detail(caller, await administration.add(caller, body.refuse_commands().wanted()), states)


@router.patch(
    "/servers/{name}",
    responses=documents(AdministratorsOnly, StdioNotOverApi, NoSuchServer, ServerFromFile, BadServerUrl, BadServerHeaders),
)
async def change_server(
    name: ServerPath, body: McpServerUpdate, caller: ManageDep, administration: FromDishka[McpAdministration], states: FromDishka[ServerStates]
) -> McpServerDetail:
    """Of a server that was added here. With a URL on another host the headers must be sent again."""
    return await _detail(caller, await administration.change(caller, name, body.refuse_commands().changes()), states)


@router.delete("/servers/{name}", status_code=204, responses=documents(AdministratorsOnly, NoSuchServer, ServerFromFile))
async def remove_server(name: ServerPath, caller: ManageDep, administration: FromDishka[McpAdministration]) -> None:
    """Of a server that was added here. Calls under way fail."""
    await administration.remove(caller, name)


@router.post("/servers/{name}/test", responses=documents(AdministratorsOnly, NoSuchServer))
async def test_server(name: ServerPath, caller: ManageDep, administration: FromDishka[McpAdministration]) -> McpServerTest:
    """Connect to the server now, and list its tools. What goes wrong there is part of the reply."""
    return McpServerTest.of(await administration.test(caller, name))


@router.post("/servers/{name}/tools/{tool}/approve", responses=documents(AdministratorsOnly, NoSuchServer, NoSuchServerTool, DefinitionMoved))
async def approve_tool(name: ServerPath, tool: ToolPath, body: ToolApprove, caller: ManageDep, administration: FromDishka[McpAdministration]) -> ToolPinRead:
    """Trust the definition with this hash from now on. The same again changes nothing."""
    return ToolPinRead.of(await administration.approve(caller, name, tool, body.hash))


@router.post("/reload", responses=documents(AdministratorsOnly))
async def reload_servers(_: AdminDep, servers: FromDishka[McpServers]) -> McpReload:
    """Read mcp.json and the plugins again, on the server process that answers. New and changed servers are connected to, for at most ten seconds."""
    done = await servers.reload()
    await servers.look_at([*done.added, *done.changed], _RELOAD_SECONDS)
    return McpReload.of(done)


async def _detail(caller: Caller, known: Known, states: ServerStates) -> McpServerDetail:
    return McpServerDetail.of(await states.of(known, ToolCaller.of(caller)), is_inside=_is_inside(caller, known))


def _is_inside(caller: Caller, known: Known) -> bool:
    return caller.is_admin or known.spec.owner_id == caller.account_id
