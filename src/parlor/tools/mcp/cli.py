"""`parlor mcp`: the operator's servers from the terminal, with or without a running server. Each command connects by itself."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from parlor.command import CommandLine, command_line, printable
from parlor.core.errors import BadRequest
from parlor.tools.mcp.errors import NoSuchServer, NoSuchServerTool, ServerFailed

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.tools.mcp.known import Known, Look, ServerState

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="MCP servers: which there are, their tools, and one call of one.")

ServerName = Annotated[str, typer.Argument(help="Its name.")]
_AT_ONCE = 4


@app.command("list-servers")
def list_servers(
    ctx: typer.Context, connect: Annotated[bool, typer.Option("--connect/--no-connect", help="Whether to find out which of them answer.")] = True
) -> None:
    """Every server of mcp.json, of the plugins and of the API, and whether it answers."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        servers = [each for each in (await _servers(container)).values() if each.spec.owner_id is None]
        return [_server_row(await _state(container, each)) for each in await _looked_at(container, servers if connect else []) or servers]

    line.print_rows(_run(line, work), ["name", "status", "transport", "origin", "groups", "tools", "last_error"])


@app.command("list-tools")
def list_tools(ctx: typer.Context, server: Annotated[str, typer.Argument(help="Only of this server.")] = "") -> None:
    """The tools of one server, or of all. Exit code 1 when the server does not answer."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        known = await _servers(container)
        chosen = [_named(known, server)] if server else [each for each in known.values() if each.spec.owner_id is None and each.is_enabled]
        states = [await _state(container, each) for each in await _looked_at(container, chosen)]
        if server and states[0].is_failed:
            raise ServerFailed(f"{server}: {states[0].last_error}")
        for state in states:
            if state.is_failed:
                typer.echo(printable(f"{state.known.spec.name}: {state.last_error}"), err=True)
        return [_tool_row(state, tool, as_json=line.json) for state in states for tool in state.tools]

    line.print_rows(_run(line, work), ["server", "tool", "name", "status", "description"])


@app.command("call-tool")
def call_tool(
    ctx: typer.Context,
    server: ServerName,
    tool: Annotated[str, typer.Argument(help="The server's own name of the tool, or the whole one with the server's in front.")],
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="An object; without it {}, and - reads standard input.")] = "{}",
) -> None:
    """Call one tool and print what it answers."""
    line = command_line(ctx)
    given = _arguments(sys.stdin.read() if arguments == "-" else arguments)

    async def work(container: "AsyncContainer") -> Any:
        from parlor.tools.mcp.catalog import HOUSE
        from parlor.tools.mcp.ports import Connections
        from parlor.tools.mcp.tool import result_of
        from parlor.tools.ports import ExecutionContext

        known = _named(await _servers(container), server)
        own_name = await _offered_name(container, known, tool)
        connections = await container.get(Connections)
        return result_of(await connections.call(known.spec, own_name, given, ExecutionContext(HOUSE, "call_cli")))

    result = _run(line, work)
    if line.json:
        line.print_json({"server": server, "tool": tool, "result": result})
    else:
        sys.stdout.write(_shown(result) + "\n")


@app.command("test")
def test_server(ctx: typer.Context, server: ServerName) -> None:
    """Connect to one server and list its tools. Exit code 1 when that fails."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Look":
        from parlor.tools.mcp.catalog import McpServers

        known = _named(await _servers(container), server)
        return await (await container.get(McpServers)).look(known)

    look = _run(line, work)
    record = {"ok": look.is_good, "tools": sorted(look.definitions), "left_out": dict(look.left_out), "error": look.error, "took_ms": look.took_ms}
    if line.json:
        line.print_json(record)
    elif look.is_good:
        line.print_record({name: value for name, value in record.items() if name != "error"})
    if not look.is_good:
        if not line.json:
            raise ServerFailed(f"{server}: {look.error}")
        raise typer.Exit(1)


@app.command()
def approve(
    ctx: typer.Context,
    server: ServerName,
    tool: Annotated[str, typer.Argument(help="The server's own name of the tool.")],
    digest: Annotated[str | None, typer.Option("--hash", help="Only if the definition that waits is this one.")] = None,
) -> None:
    """Trust what a server says of one of its tools now, after it has changed."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.tools.mcp.pins import PinBook

        known = _named(await _servers(container), server)
        pin = await (await container.get(PinBook)).approve(known.spec, tool, digest, by=None)
        return {"server": server, "tool": pin.tool, "status": pin.state, "approved_hash": pin.approved_hash}

    line.print_record(_run(line, work))


def _run(line: CommandLine, work: "Callable[[AsyncContainer], Awaitable[T]]") -> T:
    """With all modules: a tool that has changed is an event, and whoever listens must hear it. What a tool cannot do is one line."""

    async def inside(container: "AsyncContainer") -> T:
        from parlor.tools.errors import ToolError
        from parlor.tools.ports import InputRequired

        try:
            return await work(container)
        except ToolError as error:
            raise ServerFailed(" ".join(str(error).split())) from error
        except InputRequired as required:
            raise ServerFailed(_question(required)) from required

    return line.run(inside, everything=True)


def _question(required: Any) -> str:
    asked = required.asked
    if asked.kind == "signin":
        return f"each user signs in at this server, which the command line cannot do: {asked.text}"
    fields = ", ".join(asked.schema.get("properties", {})) if asked.schema else ""
    return f"the tool asks a person for a form, which the command line cannot show: {asked.text}" + (f" (fields: {fields})" if fields else "")


async def _servers(container: "AsyncContainer") -> "Mapping[str, Known]":
    """Raises Misconfigured for an mcp.json that is wrong."""
    from parlor.tools.mcp.catalog import McpServers
    from parlor.tools.mcp.files import ServerFiles

    await asyncio.to_thread((await container.get(ServerFiles)).checked)
    return await (await container.get(McpServers)).known()


def _named(known: "Mapping[str, Known]", name: str) -> "Known":
    found = known.get(name)
    if found is None or found.spec.owner_id is not None:
        names = ", ".join(sorted(each.spec.name for each in known.values() if each.spec.owner_id is None))
        raise NoSuchServer(f"There is no MCP server called {name!r}. There are: {names or 'none'}.")
    if found.problem is not None:
        raise ServerFailed(found.problem)
    if not found.is_enabled:
        raise ServerFailed(f"{name} is switched off.")
    return found


async def _looked_at(container: "AsyncContainer", servers: "list[Known]") -> "list[Known]":
    from parlor.tools.mcp.catalog import McpServers

    catalog, places = await container.get(McpServers), asyncio.Semaphore(_AT_ONCE)

    async def look(known: "Known") -> None:
        async with places:
            if known.is_usable and not known.spec.uses_sign_in:
                await catalog.look(known)

    await asyncio.gather(*(look(each) for each in servers))
    return servers


async def _state(container: "AsyncContainer", known: "Known") -> "ServerState":
    from parlor.tools.mcp.catalog import HOUSE
    from parlor.tools.mcp.states import ServerStates

    return await (await container.get(ServerStates)).of(known, HOUSE)


async def _offered_name(container: "AsyncContainer", known: "Known", tool: str) -> str:
    """Of a tool that the server has and that is trusted. Raises NoSuchServerTool and ServerFailed."""
    if known.spec.uses_sign_in:
        return tool
    await _looked_at(container, [known])
    state = await _state(container, known)
    if state.is_failed:
        raise ServerFailed(f"{known.spec.name}: {state.last_error}")
    found = next((each for each in state.tools if tool in (each.tool, each.name)), None)
    if found is None:
        raise NoSuchServerTool(known.spec.name, tool)
    if found.name is None:
        raise ServerFailed(f"{known.spec.name} {found.tool}: {found.reason} (`parlor mcp approve {known.spec.name} {found.tool}` approves it)")
    return found.tool


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        given: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The arguments are not JSON ({error}).") from error
    if not isinstance(given, dict):
        raise BadRequest('The arguments must be a JSON object, such as {"a": 5}.')
    return cast("dict[str, Any]", given)


def _shown(result: Any) -> str:
    """Text as it is. The protocol wraps a result that is no object into {"result": ...}: a person is shown what is inside."""
    if isinstance(result, dict) and list(cast("dict[str, Any]", result)) == ["result"]:
        result = cast("Any", result["result"])
    if isinstance(result, str):
        return "\n".join(printable(line) for line in result.split("\n"))
    return json.dumps(result, ensure_ascii=False, indent=None if isinstance(result, int | float | bool) else 2)


def _server_row(state: "ServerState") -> dict[str, Any]:
    spec = state.known.spec
    return {
        "name": spec.name,
        "status": state.status,
        "transport": spec.transport,
        "origin": spec.origin,
        "groups": sorted(spec.groups),
        "tools": [tool.tool for tool in state.tools if tool.status != "left_out"],
        "last_error": state.last_error,
    }


def _tool_row(state: "ServerState", tool: Any, *, as_json: bool) -> dict[str, Any]:
    definition = tool.definition or tool.pending
    description = definition.description if definition else ""
    row = {"server": state.known.spec.name, "tool": tool.tool, "name": tool.name, "status": tool.status, "reason": tool.reason}
    if as_json:
        return {**row, "description": description, "parameters": definition.parameters if definition else None, "pending_hash": tool.pending_hash}
    return {**row, "description": description.strip().partition("\n")[0][:100]}
