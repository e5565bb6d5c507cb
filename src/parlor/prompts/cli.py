"""`parlor prompts`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.accounts import Account
    from parlor.core.db import Transaction

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

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        from parlor.accounts import AccountDirectory
        from parlor.core.db import Database
        from parlor.prompts import queries
        from parlor.prompts.book import NEWEST

        directory = await container.get(AccountDirectory)

        def read(tx: "Transaction") -> list[dict[str, Any]]:
            if user is None:
                rows = queries.page_of_all(tx, agent, NEWEST, limit)
            else:
                rows = queries.page(tx, directory.get_by_email(tx, user).id, agent, NEWEST, limit)
            names = {account_id: _name_of(directory.find(tx, account_id)) for account_id in {row.account_id for row in rows}}
            return [asdict(row) | {"user": names[row.account_id], "chars": len(row.content)} for row in rows]

        return await (await container.get(Database)).read(read)

    out.print_rows(out.run(work), ["id", "user", "agent_name", "mode", "slot", "priority", "is_active", "chars", "base_version", "updated_at"])


def _name_of(account: "Account | None") -> str:
    """Empty for one that is being erased."""
    return (account.email or account.username or "") if account is not None else ""
