"""`parlor prompts`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.core.db import Transaction
    from parlor.prompts.customization import Customization

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_customizations(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option(help="The address of whose customizations to show; everybody's without it.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only those over this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """Show who has customized which agent, the newest first. Their words are shown with --json."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Sequence[Customization]":
        from parlor.accounts import AccountDirectory
        from parlor.core.db import Database
        from parlor.prompts import queries
        from parlor.prompts.book import NEWEST

        db, directory = await container.get(Database), await container.get(AccountDirectory)

        def read(tx: "Transaction") -> "Sequence[Customization]":
            if user is None:
                return queries.page_of_all(tx, agent, NEWEST, limit)
            return queries.page(tx, directory.get_by_email(tx, user).id, agent, NEWEST, limit)

        return await db.read(read)

    rows = [asdict(row) | {"chars": len(row.content)} for row in out.run(work)]
    out.print_rows(rows, ["id", "account_id", "agent_name", "mode", "slot", "priority", "is_active", "chars", "base_version", "updated_at"])
