"""`parlor wallet`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from dishka import AsyncContainer

from parlor.accounts import AccountDirectory
from parlor.command import command_line
from parlor.core.db import Database, Transaction
from parlor.core.invariants import Violation, check_invariants
from parlor.wallet.checks import invariants
from parlor.wallet.service import Balance, Entry, WalletService

app = typer.Typer(no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="Whose wallet.")]


@app.command()
def show(ctx: typer.Context, email: Email, entries: Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest entries.")] = 10) -> None:
    """Show what somebody has, and the newest entries of their ledger."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> tuple[Balance, list[Entry]]:
        db, directory = await container.get(Database), await container.get(AccountDirectory)
        wallet = await container.get(WalletService)
        account = await db.read(lambda tx: directory.get_by_email(tx, email))
        return await wallet.read(account.id), await wallet.list_entries(account.id, limit=entries)

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
) -> None:
    """Give somebody credit, once per reference."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> Entry:
        db, directory = await container.get(Database), await container.get(AccountDirectory)
        wallet = await container.get(WalletService)

        def grant_to(tx: Transaction) -> Entry:
            return wallet.grant(tx, directory.get_by_email(tx, email).id, amount_micros, reference=reference)

        return await db.write(grant_to)

    # others may subscribe to grants: all modules, so that what they do is recorded in the same transaction
    out.print_record(asdict(out.run(work, everything=True)))


@app.command()
def verify(ctx: typer.Context) -> None:
    """Derive every balance from the ledger again. Exit code 1, naming the first difference, when anything disagrees."""
    out = command_line(ctx)

    async def work(container: AsyncContainer) -> list[Violation]:
        return await check_invariants(await container.get(Database), invariants())

    differences = out.run(work)
    if out.json:
        out.print_record({"ok": not differences, "differences": [asdict(each) for each in differences]})
    elif not differences:
        out.say("Every wallet is what its ledger says.")
    else:
        typer.echo(f"{differences[0].code}: {differences[0].sentence} ({len(differences)} in all)", err=True)
    if differences:
        raise typer.Exit(1)
