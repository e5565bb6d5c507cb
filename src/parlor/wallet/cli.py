"""`parlor wallet`."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from dishka import AsyncContainer
from msgspec.structs import asdict

from parlor.accounts import AccountDirectory
from parlor.command import command_line
from parlor.core.db import Database
from parlor.core.errors import Invalid
from parlor.wallet import voucher_cli
from parlor.wallet.crediting import Crediting
from parlor.wallet.credits import Note, Posted
from parlor.wallet.ledger import Entry
from parlor.wallet.platform_queries import own_costs, platform_sums
from parlor.wallet.service import Balance, WalletService
from parlor.wallet.verification import Difference, find_difference

app = typer.Typer(no_args_is_help=True)
app.add_typer(voucher_cli.app, name="vouchers")

Email = Annotated[str, typer.Argument(help="Whose wallet.")]
NoteOption = Annotated[str | None, typer.Option(help="Words for the user to read in the ledger; erased with the account.")]


async def _account_of(container: AsyncContainer, email: str) -> UUID:
    directory = await container.get(AccountDirectory)
    return (await (await container.get(Database)).read(lambda tx: directory.get_by_email(tx, email))).id


@app.command()
def show(ctx: typer.Context, email: Email, entries: Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest entries.")] = 10) -> None:
    """Show what somebody has, and the newest entries of their ledger."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> tuple[Balance, list[Entry]]:
        account_id, wallet = await _account_of(container, email), await container.get(WalletService)
        return await wallet.read(account_id), await wallet.list_entries(account_id, limit=entries)

    balance, newest = out.run(work)
    record: dict[str, Any] = {"email": email, **asdict(balance), "posted_micros": balance.posted_micros}
    if out.json:
        out.print_record(record | {"entries": [asdict(entry) for entry in newest]})
        return
    out.print_record(record)
    out.print_rows([asdict(entry) for entry in newest], ["created_at", "kind", "amount_micros", "balance_micros", "model", "reference", "explanation"])


@app.command()
def grant(
    ctx: typer.Context,
    email: Email,
    amount_micros: Annotated[int, typer.Argument(help="1 credit is 1 000 000 micros.")],
    reference: Annotated[str, typer.Option(help="What the credit is for, such as a payment's number. Granting it again changes nothing.")],
    note: NoteOption = None,
) -> None:
    """Give somebody credit, once per reference."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> Posted:
        account_id, crediting = await _account_of(container, email), await container.get(Crediting)
        return (await crediting.grant(account_id, amount_micros, reference=reference, note=Note(note) if note else None)).posted

    # others may subscribe to grants: all modules, so that what they do is recorded in the same transaction
    out.print_record(asdict(out.run(work, everything=True)))


@app.command()
def refund(
    ctx: typer.Context,
    email: Email,
    reference: Annotated[str, typer.Option(help="Why, such as a ticket's number. Refunding it again changes nothing.")],
    turn: Annotated[UUID | None, typer.Option(help="The turn whose charge is given back.")] = None,
    entry: Annotated[UUID | None, typer.Option(help="Or the entry of the charge in the ledger.")] = None,
    amount_micros: Annotated[int | None, typer.Option(help="Without it all that is left of the charge.")] = None,
    note: NoteOption = None,
) -> None:
    """Give back what somebody was charged, in whole or in part, once per reference."""
    out = command_line(ctx)
    if (turn is None) == (entry is None):
        raise Invalid("Name the charge by --turn or by --entry.")

    async def work(container: AsyncContainer) -> Posted:
        account_id, crediting = await _account_of(container, email), await container.get(Crediting)
        given = await crediting.refund(
            account_id, turn_id=turn, entry_id=entry, amount_micros=amount_micros, reference=reference, note=Note(note) if note else None
        )
        return given.posted

    out.print_record(asdict(out.run(work, everything=True)))


@app.command()
def platform(ctx: typer.Context) -> None:
    """Show the platform's own accounts, and what it has paid for itself, such as titles of sessions."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> tuple[Sequence[Any], Sequence[Any]]:
        return await (await container.get(Database)).read(lambda tx: (platform_sums(tx), own_costs(tx)), snapshot=True)

    sums, costs = out.run(work)
    accounts = [{"account": row.platform, "amount_micros": row.amount} for row in sums]
    own = [
        {"purpose": row.purpose, "calls": row.calls, "cost_micros": row.cost, "input_tokens": row.input_tokens, "output_tokens": row.output_tokens}
        for row in costs
    ]
    if out.json:
        out.print_record({"accounts": accounts, "own_costs": own})
        return
    out.print_rows(accounts)
    out.print_rows(own)


@app.command()
def verify(ctx: typer.Context) -> None:
    """Derive every balance from the ledger again. Exit code 1, naming the first difference, when anything disagrees."""
    out, progress = command_line(ctx), Progress()

    async def work(container: AsyncContainer) -> Difference | None:
        return await find_difference(await container.get(Database), progress.add)

    difference = out.run(work)
    if out.json:
        out.print_record({"ok": difference is None, "differences": [asdict(difference)] if difference else [], "rows": progress.rows})
    elif difference is None:
        out.say("Every wallet is what its ledger says.")
    else:
        typer.echo(f"{difference.code}: {difference.sentence}", err=True)
    if difference is not None:
        raise typer.Exit(1)


class Progress:
    """A line on standard error now and then, when there is much to read."""

    def __init__(self, every_rows: int = 200_000) -> None:
        self.rows = 0
        self._every_rows = every_rows

    def add(self, rows: int) -> None:
        before, self.rows = self.rows, self.rows + rows
        if before // self._every_rows != self.rows // self._every_rows:
            typer.echo(f"{self.rows} rows agree so far", err=True)
