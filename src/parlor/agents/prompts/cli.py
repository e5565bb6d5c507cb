"""`parlor prompts effective`: it stands with the commands of prompts and is this room's, because only here are the agents known."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer


def effective(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="Its name.")],
    user: Annotated[str, typer.Option(help="The address of whose prompt to show.")],
) -> None:
    """Show the prompt of an agent as it is for a user, and where each part of it comes from."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.accounts import AccountDirectory
        from parlor.agents.prompts.agent_prompts import AgentPrompts
        from parlor.agents.prompts.schemas import EffectivePromptRead
        from parlor.core.db import Database
        from parlor.tools import ToolCaller

        directory, prompts = await container.get(AccountDirectory), await container.get(AgentPrompts)
        account = await (await container.get(Database)).read(lambda tx: directory.get_by_email(tx, user))
        caller = ToolCaller(account.id, frozenset(account.groups), account.is_active_admin)
        return EffectivePromptRead.of(await prompts.effective(caller, agent)).model_dump(mode="json", by_alias=True)

    shown = out.run(work)
    if out.json:
        out.print_json(shown)
        return
    rows = [layer | {"chars": len(layer["text"])} for layer in shown["layers"]]
    out.print_rows(rows, ["from", "mode", "slot", "chars", "base_version", "stale", "ignored"])
    for line in ["", *shown["text"].split("\n")]:
        out.say(line)
