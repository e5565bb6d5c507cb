"""A third-party package with a module, installed the way pip leaves it: a package and its dist-info on the path."""

from pathlib import Path

_MODULE = """
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel

from parlor.module import Module

if TYPE_CHECKING:
    import dishka

    from {name}.beds import Garden
    from parlor.core.health import Check


class GardenSettings(BaseModel):
    beds: int = 2


def _provider() -> "dishka.Provider":
    from dishka import Provider, Scope

    from {name}.beds import Garden

    provider = Provider(scope=Scope.APP)
    provider.provide(Garden)
    return provider


def _health(garden: "Garden") -> "Iterable[Check]":
    return garden.checks()


module = Module(
    name="{name}", settings=GardenSettings, provider=_provider, health=_health, cli="{name}.commands:app", cli_help="Look after the garden.",
    commands={{"config water": "{name}.commands:water", "rake": "{name}.commands:rake"}},
)
"""

_BEDS = """
from parlor.core.health import Check, Health, Status

from {name}.module import GardenSettings


class Garden:
    def __init__(self, settings: GardenSettings) -> None:
        self.beds = settings.beds

    def checks(self) -> list[Check]:
        async def look() -> Health:
            return Health(Status.OK, details={{"beds": self.beds}})

        return [Check("{name}", look)]
"""

_COMMANDS = '''
import typer

from parlor.command import command_line

app = typer.Typer(no_args_is_help=True)


@app.command()
def count(ctx: typer.Context) -> None:
    """How many beds there are."""
    out = command_line(ctx)

    async def work(container) -> int:
        from {name}.beds import Garden

        return (await container.get(Garden)).beds

    out.print_record({{"beds": out.run(work)}})


@app.command()
def fail(ctx: typer.Context, how: str) -> None:
    """Fail in one of several ways."""
    from parlor.core.errors import NotFound

    async def work(container) -> None:
        if how == "refusal":
            raise NotFound("There is no such bed.")
        if how == "group":
            raise ExceptionGroup("two tasks", [NotFound("There is no such bed.")])
        if how == "abort":
            raise typer.Abort
        if how == "interrupt":
            raise KeyboardInterrupt
        raise ValueError("postgresql://me:canary@host broke")

    command_line(ctx).run(work)


def water(ctx: typer.Context) -> None:
    """Water the settings.

    More of this.
    """
    command_line(ctx).say("watered")


def rake(ctx: typer.Context, lines: int = 1) -> None:
    """Rake."""
    command_line(ctx).print_rows([{{"line": number, "note": "line\\x1b[31m"}} for number in range(lines)], ["line", "note"])
'''


def install_garden(folder: Path, name: str = "garden", module: str = _MODULE) -> None:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text(module.format(name=name))
    (package / "beds.py").write_text(_BEDS.format(name=name))
    (package / "commands.py").write_text(_COMMANDS.format(name=name))
    info = folder / f"parlor_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: parlor-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[parlor.modules]\n{name} = {name}.module:module\n")


def write_room(folder: Path, name: str) -> None:
    """A module of one file."""
    (folder / f"{name}.py").write_text(f'from parlor.module import Module\n\nmodule = Module("{name}")\n')
