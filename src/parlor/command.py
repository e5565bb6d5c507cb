"""What a command of any module gets: the settings, a container with its own module in it, and a way to print for people and for programs.

How settings are loaded and the container is opened lives above and is handed in.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from pydantic import BaseModel

if TYPE_CHECKING:
    import typer
    from dishka import AsyncContainer

    from parlor.core.settings import RootSettings

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Configuration(Protocol):
    """The part of the settings that a command below the config module may use."""

    @property
    def root(self) -> "RootSettings": ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def group(self, kind: type[M]) -> M: ...


Load = Callable[[Mapping[str, Any]], Configuration]
Open = Callable[[Any, Sequence[str] | None, bool], "AbstractAsyncContextManager[AsyncContainer]"]
"""Settings, the names of the modules that are needed (None: all), and whether to log everything, to a container."""


class CommandLine:
    """One run of the command line."""

    def __init__(self, load: Load, open_house: Open) -> None:
        self._load = load
        self._open = open_house
        self._settings: Configuration | None = None
        self.json = False
        self.debug = False
        self.owner: str | None = None
        """The module whose command runs."""
        self.overrides: dict[str, Any] = {}
        """Settings that flags of the command set, above every other source: {"server.port": 9000}. Fill it before the first use of `settings`."""

    @property
    def settings(self) -> Configuration:
        """Loaded at the first use. Raises `Misconfigured`."""
        if self._settings is None:
            self._settings = self._load(self.overrides)
        return self._settings

    def run(self, work: "Callable[[AsyncContainer], Awaitable[T]]", *, modules: Sequence[str] | None = None, everything: bool = False) -> T:
        """Do `work` with a container of the command's own module and those it requires.

        `modules` names others instead. `everything` takes all that are on: right for a command whose effect other modules must see in
        its own transaction (a new account gets its wallet), or that looks at all of them.
        """
        names = list(modules) if modules is not None else [self.owner] if self.owner else []

        async def inside() -> T:
            async with self._open(self.settings, None if everything else names, self.debug) as container:
                return await work(container)

        return asyncio.run(inside())

    def print_rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
        """A table for people, an array with `--json` (of whole rows, whatever the columns)."""
        rows = list(rows)
        if self.json:
            self.print_json(rows)
            return
        names = list(columns or (rows[0] if rows else ()))
        table = [[name.upper().replace("_", " ") for name in names], *([_cell(row.get(name)) for name in names] for row in rows)]
        widths = [max(len(line[at]) for line in table) for at in range(len(names))]
        for line in table if rows else []:
            _write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def print_record(self, record: Mapping[str, Any]) -> None:
        """One thing: a line per field for people, an object with `--json`."""
        if self.json:
            self.print_json(record)
            return
        width = max((len(name) for name in record), default=0)
        for name, value in record.items():
            _write(f"{name.replace('_', ' '):<{width}}  {_cell(value)}".rstrip())

    def print_json(self, value: Any) -> None:
        is_unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
        _write(json.dumps(value, ensure_ascii=not is_unicode, indent=2, default=_plain))

    def say(self, sentence: str) -> None:
        """What a person wants to know and a program does not: left out with `--json`."""
        if not self.json:
            _write(printable(sentence))


def command_line(ctx: "typer.Context") -> CommandLine:
    """The one of this run, from any command's context."""
    found = ctx.find_root().obj
    assert isinstance(found, CommandLine), "this command was not started by parlor.cli"
    return found


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | dict):
        return printable(json.dumps(value, ensure_ascii=False, default=_plain))
    return printable(str(_plain(value)))


def _plain(value: Any) -> Any:
    """Times in RFC 3339 UTC with Z as everywhere; models and structs as their fields; everything else by its text."""
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    return str(value)


def printable(text: str) -> str:
    """Without control characters: a name out of the database must not write to somebody's terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
