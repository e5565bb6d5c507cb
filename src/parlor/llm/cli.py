"""`parlor llm`: which models there are, and one call to one of them."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.llm.registry import ModelInfo

app = typer.Typer(no_args_is_help=True, help="List the models, and call one.")
_COLUMNS = ("name", "default", "context_tokens", "max_output_tokens", "input_micros_per_mtok", "output_micros_per_mtok")
_WHERE_ANY = ("capabilities", "aliases", "groups")
"""Columns that are left out where no model has any."""
_SHOWN_NUMBERS = 8


@app.command("models")
def list_models(ctx: typer.Context) -> None:
    """Every model that can be named, with its size in tokens and its price in micro-credits per million of them."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.llm.access import OPERATOR
        from parlor.llm.registry import ModelRegistry

        registry = await container.get(ModelRegistry)
        await _read_prices(container)
        models = await registry.list(OPERATOR)
        rows = [_row(model) for model in models]
        columns = [*_COLUMNS, *(name for name in _WHERE_ANY if any(row[name] for row in rows))]
        line.print_rows(rows if line.json else [_for_people(row) for row in rows], columns)
        for state in await registry.providers():
            if state.error is not None:
                typer.echo(f"{state.name} ({state.base_url}): {state.error}", err=True)

    line.run(work, modules=["llm"])


@app.command("health")
def show_health(ctx: typer.Context) -> None:
    """How the providers are, asked now. Exit code 1 when one of them is down."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[dict[str, Any]]:
        from parlor.llm.health import advice_for, guard_of
        from parlor.llm.registry import ModelRegistry

        registry = await container.get(ModelRegistry)
        return [
            {
                "provider": state.name,
                "kind": state.kind,
                "status": "ok" if state.is_reachable else "down",
                "latency_ms": state.latency_ms,
                "models": state.models,
                "breaker": guard_of(registry.guards, state.name)["breaker"],
                "base_url": state.base_url,
                "last_error": state.error,
                "advice": None if state.is_reachable else f"{advice_for(state.name)}.",
            }
            for state in await registry.providers()
        ]

    rows = line.run(work, modules=["llm"])
    line.print_rows(rows, ("provider", "kind", "status", "latency_ms", "models", "breaker", "last_error"))
    for row in rows:
        if row["advice"]:
            line.say(row["advice"])
    if not rows:
        line.say("No provider is configured: the built-in parlor/offline answers.")
    if any(row["status"] == "down" for row in rows):
        raise typer.Exit(1)


@app.command("call")
def call(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Its name, an alias, or - for the default model.")],
    text: Annotated[str, typer.Argument(help="What to ask it; - reads standard input.")],
    system: Annotated[str | None, typer.Option(help="Instructions that stand before the question.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="How long the answer may be.")] = None,
) -> None:
    """Ask a model one question and print its answer as it comes. Nothing is stored and nothing is charged."""
    line = command_line(ctx)
    question = sys.stdin.read() if text == "-" else text

    async def work(container: "AsyncContainer") -> None:
        from parlor.llm.access import OPERATOR
        from parlor.llm.calling import ask
        from parlor.llm.registry import ModelRegistry

        found = await (await container.get(ModelRegistry)).find(None if model == "-" else model, OPERATOR)
        show = None if line.json else _show
        answer = await ask(found, question, system=system, max_output_tokens=max_tokens, show=show)
        if line.json:
            line.print_json(answer)
        else:
            typer.echo()

    line.run(work, modules=["llm"])


@app.command("embed")
def embed(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="An embedding model, an alias, or - for the default one.")],
    text: Annotated[str, typer.Argument(help="What to embed; - reads standard input.")],
) -> None:
    """Turn a text into a vector: its length, tokens and first numbers, or all of it with --json. Nothing is stored and nothing is charged."""
    line = command_line(ctx)
    content = sys.stdin.read() if text == "-" else text

    async def work(container: "AsyncContainer") -> None:
        from parlor.llm.access import OPERATOR
        from parlor.llm.gate import uncharged_embeddings
        from parlor.llm.registry import ModelRegistry

        found = await (await container.get(ModelRegistry)).find_embedder(None if model == "-" else model, OPERATOR)
        embeddings = await uncharged_embeddings(found, [content])
        vector = embeddings.vectors[0].tolist()
        row: dict[str, Any] = {"model": found.name, "dimensions": len(vector), "input_tokens": embeddings.batches[0].input_tokens}
        if line.json:
            line.print_json({**row, "vector": vector})
        else:
            line.print_record({**row, "vector": " ".join(f"{number:.4f}" for number in vector[:_SHOWN_NUMBERS]) + " ..."})

    line.run(work, modules=["llm"])


async def _read_prices(container: "AsyncContainer") -> None:
    """Models are listed also when the database cannot be reached: somebody may be finding out what works."""
    from parlor.core.errors import Misconfigured, Unavailable
    from parlor.wallet import PriceBook

    try:
        await (await container.get(PriceBook)).fresh()
    except (Misconfigured, Unavailable) as error:
        typer.echo(f"Without the prices that were set: {error.detail}", err=True)


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    able = [name for name, is_able in row["capabilities"].items() if is_able]
    return {**row, **{name: ", ".join(values) for name, values in (("capabilities", able), ("aliases", row["aliases"]), ("groups", row["groups"]))}}


def _row(model: "ModelInfo") -> dict[str, Any]:
    return {
        "name": model.name,
        "provider": model.provider,
        "default": model.is_default,
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "input_micros_per_mtok": model.price.input_micros_per_mtok,
        "output_micros_per_mtok": model.price.output_micros_per_mtok,
        "aliases": list(model.aliases),
        "capabilities": dict(model.capabilities),
        "groups": list(model.groups),
    }
