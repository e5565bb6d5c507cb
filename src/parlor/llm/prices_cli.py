"""`parlor wallet prices`: it stands with the wallet's commands and is this room's, because only here are the models known."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from parlor.command import command_line
from parlor.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dishka import AsyncContainer

    from parlor.llm.price_list import ListedPrice

app = typer.Typer(help="What models cost, and setting it.", invoke_without_command=True)

_COLUMNS = ("model", "input_micros_per_mtok", "output_micros_per_mtok", "source", "valid_from")


@app.callback(invoke_without_command=True)
def prices(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option(help="All prices that this model has had, the newest first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what every model costs, in micro-credits per million tokens."""
    out = command_line(ctx)
    out.json = out.json or as_json
    if ctx.invoked_subcommand is not None:
        return

    async def work(container: "AsyncContainer") -> "Sequence[ListedPrice]":
        from parlor.llm.price_list import PriceList

        found = await container.get(PriceList)
        return await found.current() if model is None else await found.history(model)

    out.print_rows([_row(each) for each in out.run(work)], _COLUMNS)


@app.command("set")
def set_price(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Its name, or an alias.")],
    input_micros: Annotated[int, typer.Argument(metavar="IN", help="Micro-credits per million input tokens.")],
    output_micros: Annotated[int, typer.Argument(metavar="OUT", help="Micro-credits per million output tokens.")],
) -> None:
    """Set what a model costs. It counts for turns that begin afterwards, on a running server within 5 seconds."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "ListedPrice":
        from parlor.llm.price_list import PriceList
        from parlor.wallet import MOST_MICROS, Price

        if not (0 <= input_micros <= MOST_MICROS and 0 <= output_micros <= MOST_MICROS):
            raise Invalid(f"A price is between 0 and {MOST_MICROS} micro-credits per million tokens.")
        return await (await container.get(PriceList)).set(model, Price(input_micros, output_micros), set_by=None)

    # others may subscribe to prices: all modules, so that what they do is recorded in the same transaction
    out.print_record(_row(out.run(work, everything=True)))


def _row(listed: "ListedPrice") -> dict[str, Any]:
    row = asdict(listed)
    price = row.pop("price")
    return {**row, "input_micros_per_mtok": price.input_micros_per_mtok, "output_micros_per_mtok": price.output_micros_per_mtok}
