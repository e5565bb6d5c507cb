"""`parlor composio`."""

import json
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from parlor.command import command_line
from parlor.core.errors import Invalid

if TYPE_CHECKING:
    from uuid import UUID

    from dishka import AsyncContainer

app = typer.Typer(no_args_is_help=True)

_MOST = 200
Search = Annotated[str | None, typer.Option(help="Only what has these words in it.")]


async def _account_of(container: "AsyncContainer", email: str) -> "UUID":
    from parlor.accounts import AccountDirectory
    from parlor.core.db import Database

    directory = await container.get(AccountDirectory)
    return (await (await container.get(Database)).read(lambda tx: directory.get_by_email(tx, email))).id


@app.command()
def toolkits(ctx: typer.Context, search: Search = None) -> None:
    """List what can be connected: the first two hundred, or those of the settings."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        from parlor.core.ids import new_id
        from parlor.tools.composio.schemas import ToolkitRead
        from parlor.tools.composio.toolkits import Toolkits
        from parlor.tools.ports import ToolCaller

        operator = ToolCaller(new_id(), is_unlimited=True)
        page = await (await container.get(Toolkits)).list(operator, search=search, limit=_MOST)
        return [ToolkitRead.of(each).model_dump() for each in page.items]

    out.print_rows(out.run(work), ["slug", "name", "version", "actions", "no_auth"])


@app.command()
def actions(ctx: typer.Context, toolkit: Annotated[str, typer.Argument(help="Its slug, such as github.")], search: Search = None) -> None:
    """List the actions of a toolkit, two hundred at most."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        from parlor.core.ids import new_id
        from parlor.tools.composio.policy import ToolkitPolicy
        from parlor.tools.composio.schemas import ActionRead
        from parlor.tools.composio.toolkits import Toolkits
        from parlor.tools.ports import ToolCaller

        operator, policy = ToolCaller(new_id(), is_unlimited=True), await container.get(ToolkitPolicy)
        page = await (await container.get(Toolkits)).actions(operator, toolkit, search=search, limit=_MOST)
        return [ActionRead.of(each, needs_approval=policy.needs_approval(toolkit, each.slug)).model_dump() for each in page.items]

    out.print_rows(out.run(work), ["slug", "name", "version", "no_auth", "needs_approval"])


@app.command()
def connections(ctx: typer.Context, email: Annotated[str, typer.Argument(help="Whose.")]) -> None:
    """List what somebody has connected, newest first."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        from parlor.tools.composio.connections import Connections
        from parlor.tools.composio.schemas import ConnectionRead

        found = await (await container.get(Connections)).list(await _account_of(container, email), most=_MOST)
        return [ConnectionRead.of(each).model_dump(mode="json") for each in found]

    out.print_rows(out.run(work), ["id", "toolkit", "status", "created_at", "status_reason"])


@app.command()
def execute(
    ctx: typer.Context,
    slug: Annotated[str, typer.Argument(help="The action, such as GITHUB_CREATE_ISSUE.")],
    arguments: Annotated[str, typer.Argument(help="A JSON object.")] = "{}",
    *,
    user: Annotated[str, typer.Option(help="With whose connection: an e-mail address.")],
) -> None:
    """Execute an action with somebody's own connection."""
    out = command_line(ctx)
    given = _object(arguments)

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.tools.composio.execution import Executing
        from parlor.tools.ports import ToolCaller

        caller = ToolCaller(await _account_of(container, user), is_unlimited=True)
        done = await (await container.get(Executing)).execute_for(caller, slug, given)
        return {"result": done.result, "error": done.error}

    # what is found out about a connection is an event that other modules hear
    done = out.run(work, everything=True)
    out.print_json(done)
    if done["error"] is not None:
        raise typer.Exit(1)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Invalid("The arguments are not JSON.") from error
    if not isinstance(value, dict):
        raise Invalid("The arguments are not a JSON object.")
    return cast("dict[str, Any]", value)
