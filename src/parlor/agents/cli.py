"""`parlor agents`: which there are, and what one is. `agents invoke` is chat's."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

app = typer.Typer(no_args_is_help=True, help="List the agents, show one, and ask one.")


@app.command("list")
def list_agents(ctx: typer.Context) -> None:
    """Every agent that is for others than its maker."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.agents.catalog.registry import AgentRegistry
        from parlor.tools import OPERATOR

        found = await (await container.get(AgentRegistry)).visible(OPERATOR)
        rows: list[dict[str, Any]] = [
            {
                "name": each.name,
                "kind": each.definition.kind,
                "source": each.source,
                "model": each.definition.model,
                "groups": list(each.definition.groups),
                "title": each.definition.title,
                "version": each.version,
            }
            for each in found
        ]
        line.print_rows(rows, ["name", "kind", "source", "model", "groups", "title"])

    line.run(work)


@app.command("show")
def show_agent(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """All that an agent is."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.agents.catalog.registry import AgentRegistry
        from parlor.agents.catalog.schemas import AgentRead
        from parlor.tools import OPERATOR

        known = await (await container.get(AgentRegistry)).get(name, OPERATOR)
        place = {} if known.file is None else {"file": str(known.file)}
        return AgentRead.of(known, OPERATOR).model_dump(mode="json") | place

    line.print_record(line.run(work))
