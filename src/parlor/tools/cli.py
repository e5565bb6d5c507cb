"""`parlor tools`: which tools there are, and calling one."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

app = typer.Typer(no_args_is_help=True, help="List the tools, and call one.")


@app.command("list")
def list_tools(ctx: typer.Context) -> None:
    """Every tool, where it comes from, and what the policy says about it."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.tools.console import OPERATOR
        from parlor.tools.policy import ToolPolicy
        from parlor.tools.registry import ToolRegistry

        policy, box = await container.get(ToolPolicy), await (await container.get(ToolRegistry)).settled(OPERATOR)
        rows = [
            {"name": offer.tool.name, "origin": offer.origin, "policy": policy.decide(offer, OPERATOR), "description": _short(offer.tool.description)}
            for offer in box.offers
        ]
        line.print_rows(rows, ["name", "origin", "policy", "description"])

    line.run(work, everything=True)  # tools are brought by all modules


@app.command("call")
def call_tool(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, as `parlor tools list` shows it.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object; - reads standard input.")] = "{}",
) -> None:
    """Call one tool, as the operator: who types this has looked at the call, so nothing is asked."""
    line = command_line(ctx)
    text = sys.stdin.read() if arguments == "-" else arguments

    async def work(container: "AsyncContainer") -> Any:
        from parlor.tools.console import called_by_operator

        return await called_by_operator(container, name, text)

    line.print_json(line.run(work, everything=True))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
