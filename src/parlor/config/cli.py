"""`parlor config`: nothing here opens the database."""

from textwrap import shorten
from typing import Annotated, Any, cast

import typer

from parlor.command import CommandLine, command_line
from parlor.config.example import env_example
from parlor.config.settings import DEFAULT, Explanation, Settings

app = typer.Typer(no_args_is_help=True)


@app.command()
def validate(ctx: typer.Context) -> None:
    """Check every setting, and the files that settings name; exit code 78 and one line per problem when something is wrong."""
    out = command_line(ctx)
    settings = _settings(out)
    settings.check_files()
    changed = [each for each in settings.explain_all() if each.source != DEFAULT]
    if out.json:
        out.print_json({"valid": True, "settings_given": len(changed), "warnings": settings.warnings})
        return
    for warning in settings.warnings:
        out.say(f"Warning: {warning}")
    out.say(f"The settings are valid: {len(changed)} given, all others at their defaults.")


@app.command()
def explain(ctx: typer.Context, key: Annotated[str, typer.Argument(help="wallet.initial_bonus_micros, or the variable's name.")]) -> None:
    """Say where a setting's value comes from and what it hides."""
    out = command_line(ctx)
    explanation = _settings(out).explain(key)
    record = _record(explanation)
    if not out.json:
        record["hides"] = ", ".join(f"{_text(hidden.value)} from {hidden.source}" for hidden in explanation.hides) or "nothing"
    out.print_record(record)


@app.command("list")
def list_settings(ctx: typer.Context, below: Annotated[str, typer.Argument(help="Only this group.")] = "") -> None:
    """Every setting with its value and where that comes from."""
    out = command_line(ctx)
    rows = [_record(each) for each in _settings(out).explain_all(below)]
    out.print_rows(rows if out.json else [row | {"value": shorten(_text(row["value"]), 60, placeholder="...")} for row in rows], ["path", "value", "source"])


@app.command()
def paths(ctx: typer.Context) -> None:
    """Which files and folders Parlor reads and writes."""
    out = command_line(ctx)
    settings = _settings(out)
    env, toml, data = settings.files.env_path, settings.files.toml_path, settings.root.data_dir
    rows: list[dict[str, Any]] = [
        {"name": "settings", "path": str(toml or settings.folder / "parlor.toml"), "exists": toml is not None},
        {"name": "variables", "path": str(env), "exists": env.is_file()},
        {"name": "data", "path": str(data), "exists": data.is_dir()},
    ]
    if modules := settings.root.modules.dir:
        rows.append({"name": "modules", "path": str(modules), "exists": modules.is_dir()})
    out.print_rows(rows, ["name", "path", "exists"])


@app.command()
def example(ctx: typer.Context) -> None:
    """Print env.example: every setting with its default and one line."""
    out = command_line(ctx)
    text = env_example(_settings(out).tree)
    if out.json:
        out.print_json({"text": text})
    else:
        typer.echo(text, nl=False)


def _settings(out: CommandLine) -> Settings:
    return cast(Settings, out.settings)


def _record(each: Explanation) -> dict[str, Any]:
    hides = [{"source": hidden.source, "value": hidden.value} for hidden in each.hides]
    return {
        "path": each.path,
        "value": each.value,
        "source": each.source,
        "hides": hides,
        "default": each.default,
        "variable": each.variable,
        "description": each.description,
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else "[]" if value == [] else ",".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]  # JSON of unknown shape
