"""`parlor wallet usage`."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from dishka import AsyncContainer
from msgspec.structs import asdict

from parlor.accounts import AccountDirectory
from parlor.command import command_line
from parlor.core.db import Database
from parlor.wallet.usage import Usage, UsageBy, UsageReport, stretch_of


def usage(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(help="Whose usage.")],
    by: Annotated[UsageBy, typer.Option(help="What to add up by.")] = "day",
    since: Annotated[str | None, typer.Option("--from", help="A date, or a time with its zone; 30 days before the end without it.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same; not part of it any more. Now without it.")] = None,
    tz: Annotated[str | None, typer.Option(help="Where days begin at midnight, such as Europe/Berlin.")] = None,
) -> None:
    """Show what somebody's turns have used and cost."""
    out = command_line(ctx)
    stretch = stretch_of(since, until, tz, datetime.now(UTC))

    async def work(container: AsyncContainer) -> Usage:
        db, directory, report = await container.get(Database), await container.get(AccountDirectory), await container.get(UsageReport)
        account = await db.read(lambda tx: directory.get_by_email(tx, email))
        return await report.read(account.id, stretch, by)

    found = out.run(work)
    out.print_rows([asdict(item) for item in found.items], ["key", "turns", "input_tokens", "output_tokens", "amount_micros"])
    if not found.is_complete:
        typer.echo("There are more: what cost least is left out.", err=True)
