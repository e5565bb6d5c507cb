"""`parlor wallet vouchers`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from msgspec.structs import asdict

from parlor.command import command_line
from parlor.core.errors import Invalid
from parlor.wallet.vouchers import IssuedVoucher, NewVoucher, VoucherOrder, Vouchers

if TYPE_CHECKING:
    from dishka import AsyncContainer

app = typer.Typer(help="Codes that are worth credit.", no_args_is_help=True)

_COLUMNS = ("id", "code_end", "amount_micros", "max_uses", "use_count", "expires_at", "revoked_at", "note")


@app.command()
def create(
    ctx: typer.Context,
    amount_micros: Annotated[int, typer.Argument(help="What one use is worth. 1 credit is 1 000 000 micros.")],
    max_uses: Annotated[int, typer.Option(help="How many accounts may use it, each once.")] = 1,
    code: Annotated[str | None, typer.Option(help="4 to 64 letters and digits. Without it one is made that nobody can guess.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="Such as 2027-01-31T12:00:00Z. Without it never.")] = None,
    note: Annotated[str | None, typer.Option(help="For administrators.")] = None,
) -> None:
    """Make a voucher and print its code, which cannot be read again."""
    out = command_line(ctx)
    order = VoucherOrder(amount_micros, max_uses, code, _time(expires_at), note)

    async def work(container: "AsyncContainer") -> NewVoucher:
        return await (await container.get(Vouchers)).create(order)

    created = out.run(work, everything=True)
    out.print_record({"code": created.code, **asdict(created.voucher)})


@app.command("list")
def list_vouchers(ctx: typer.Context, page_size: Annotated[int, typer.Option(min=1, max=1000, hidden=True)] = 200) -> None:
    """List all vouchers, the newest first, without their codes."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[IssuedVoucher]:
        vouchers = await container.get(Vouchers)
        found = page = list(await vouchers.list(most=page_size))
        while len(page) == page_size:
            page = list(await vouchers.list(before=page[-1].id, most=page_size))
            found = [*found, *page]
        return found

    out.print_rows([asdict(voucher) for voucher in out.run(work)], _COLUMNS)


@app.command()
def revoke(ctx: typer.Context, voucher_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` shows it.")]) -> None:
    """End a voucher. Whoever has used it keeps the credit."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> IssuedVoucher:
        return await (await container.get(Vouchers)).revoke(voucher_id)

    out.print_record(asdict(out.run(work, everything=True)))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is no time: write it as 2027-01-31T12:00:00Z.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
