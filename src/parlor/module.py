"""What a module is, and how modules are found.

Built-in modules, installed ones (entry-point group `parlor.modules`) and those of a folder are the same thing: a `Module` value.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel

from parlor.core.errors import Misconfigured, NotFound

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.events import Subscriber
    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData
    from parlor.core.web import Envelope

BUILT_IN: tuple[str, ...] = (
    "parlor.ground",
    "parlor.config.module",
    "parlor.accounts.module",
    "parlor.wallet.module",
    "parlor.prompts.module",
    "parlor.llm.module",
    "parlor.turns.module",
    "parlor.tools.module",
    "parlor.tools.composio.module",
    "parlor.agents.module",
    "parlor.agents.langgraph.module",
    "parlor.chat.module",
    "parlor.protocols.module",
    "parlor.ops.module",
)
"""Where the built-in modules are: each has a value `module`, or several in `modules`. Lower floors first: the order in which they start."""

ENTRY_POINT_GROUP = "parlor.modules"


@dataclass(frozen=True)
class Module:
    """All that the house needs to know of a room. Callables are called late, so that a command loads only its own module.

    `health`, `subscribers`, `tools`, `user_data` and `invariants` are factories: their parameters are filled by type from the container.
    `provider` builds services; `cli` is "package.module:typer_app"; `migrations` is a folder of Alembic revisions (third-party tables).
    """

    name: str
    settings: type[BaseModel] | str | None = None
    """Its group in the settings tree, or "package.settings:Class" where importing that package would make every command slow."""
    settings_key: str | None = None
    requires: Sequence[str] = ()
    provider: "Callable[[], dishka.Provider] | None" = None
    routes: "Callable[[], Sequence[APIRouter]] | None" = None
    error_envelopes: "Callable[[], Sequence[Envelope]] | None" = None
    """How errors look at its addresses outside /api/v1, where those speak somebody else's protocol."""
    cli: str | None = None
    cli_help: str = ""
    commands: Mapping[str, str] | None = None
    """Commands this module adds elsewhere: {"serve": "package.module:function"} at the root, {"llm call-with-tools": ...} in a group."""
    health: "Callable[..., Sequence[Check]] | None" = None
    jobs: "Callable[..., Sequence[Job]] | None" = None
    subscribers: "Callable[..., Sequence[Subscriber]] | None" = None
    tools: Callable[..., Sequence[Any]] | None = None
    user_data: "Callable[..., UserData] | None" = None
    invariants: "Callable[[], Sequence[Invariant]] | None" = None
    migrations: str | None = None
    is_ground: bool = False
    """Part of what everything stands on: always on, and in every container."""

    @property
    def key(self) -> str:
        """Where its settings stand in the tree."""
        return self.settings_key or self.name

    @property
    def settings_type(self) -> type[BaseModel] | None:
        return load_name(self.settings) if isinstance(self.settings, str) else self.settings


class Found(msgspec.Struct, frozen=True):
    """A module, where it came from ("built-in", "installed: <distribution>", a path) and whether it is switched on."""

    module: Module
    origin: str
    is_on: bool


def load_name(where: str) -> Any:
    """What "package.module:name" means. Imports it."""
    package, _, name = where.partition(":")
    return getattr(importlib.import_module(package), name)


def discover(directory: Path | None = None, disabled: Iterable[str] = ()) -> list[Found]:
    """Every module there is, lower floors first. Raises `Misconfigured` when one cannot be loaded, clashes, or lacks what it requires."""
    off = set(disabled)
    found = [*_built_in(), *_installed(off), *_in_folder(directory, off)]
    names = [row.module.name for row in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Misconfigured(f"Two modules are called {twice[0]!r}: rename one, or remove it.")
    if unknown := sorted(off - set(names)):
        raise Misconfigured(f"PARLOR_MODULES__DISABLED names {unknown[0]!r}, and there is no such module. There are: {', '.join(names)}.")
    rows = [replace(row, is_on=row.module.name not in off) for row in found]
    if ground := next((row for row in rows if row.module.is_ground and not row.is_on), None):
        raise Misconfigured(f"PARLOR_MODULES__DISABLED names {ground.module.name!r}, which everything stands on: take it out of the list.")
    _check_requirements(rows)
    return rows


def closure(modules: Iterable[Module], names: Iterable[str]) -> list[Module]:
    """The named modules, all that they require, and the ground; lower floors first. Raises `NotFound` for a name that is not there (or is off)."""
    modules = list(modules)
    known = {module.name: module for module in modules}
    wanted: set[str] = {module.name for module in modules if module.is_ground}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in known:
            raise NotFound(f"There is no module {name!r}, or it is off: `parlor modules` lists them.")
        if name not in wanted:
            wanted.add(name)
            waiting += known[name].requires
    return [module for module in modules if module.name in wanted]


def _check_requirements(rows: Sequence[Found]) -> None:
    on = {row.module.name for row in rows if row.is_on}
    for row in rows:
        missing = sorted(set(row.module.requires) - on)
        if row.is_on and missing:
            raise Misconfigured(
                f"The module {row.module.name!r} needs {missing[0]!r}, which is off or missing: "
                f"switch it on, or add {row.module.name!r} to PARLOR_MODULES__DISABLED."
            )


def _built_in() -> list[Found]:
    loaded = [(importlib.import_module(where), where) for where in BUILT_IN]
    return [Found(module, "built-in", is_on=True) for each, where in loaded for module in _modules_of(each, where)]


@cache
def _entry_points(path: tuple[str, ...]) -> Sequence[EntryPoint]:
    """What is installed on this path, looked for once: every package's metadata is read for it."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)


def _installed(off: set[str]) -> list[Found]:
    rows: list[Found] = []
    for point in _entry_points(tuple(sys.path)):
        origin = f"installed: {point.dist.name}" if point.dist else "installed"
        where = f"The installed module {point.name!r} ({point.value})"
        try:
            module = point.load()
        except Exception as error:
            rows.append(_broken(point.name, origin, off, where, error))
            continue
        if not isinstance(module, Module):
            raise Misconfigured(f"The entry point {point.name!r} ({point.value}) is not a parlor.module.Module.")
        rows.append(Found(module, origin, is_on=True))
    return rows


def _in_folder(directory: Path | None, off: set[str]) -> list[Found]:
    """`NAME.py`, or `NAME/module.py` with its package, each with one value called `module`."""
    if directory is None:
        return []
    if not directory.is_dir():
        raise Misconfigured(f"PARLOR_MODULES__DIR is {directory}, and there is no such folder: make it, or unset the variable.")
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
    files = [path for path in sorted(directory.glob("*.py")) if not path.stem.startswith("_")] + sorted(directory.glob("*/module.py"))
    return [row for path in files for row in _from_file(directory, path, off)]


def _from_file(directory: Path, path: Path, off: set[str]) -> list[Found]:
    name = path.stem if path.parent == directory else f"{path.parent.name}.module"
    where = f"The module {name!r} in {directory}"
    try:
        loaded = importlib.import_module(name)
    except Exception as error:
        return [_broken(name.removesuffix(".module"), str(directory), off, where, error)]
    if Path(getattr(loaded, "__file__", None) or "").resolve() != path.resolve():
        raise Misconfigured(f"{where} has the name of another Python package: rename the file.")
    return [Found(module, str(directory), is_on=True) for module in _modules_of(loaded, where)]


def _broken(name: str, origin: str, off: set[str], where: str, error: Exception) -> Found:
    """A module that cannot be loaded can still be switched off by its name: otherwise nothing would start until it is removed."""
    if name in off:
        return Found(Module(name), origin, is_on=False)
    raise Misconfigured(f"{where} cannot be loaded ({type(error).__name__}: {error}): mend it, or add {name!r} to PARLOR_MODULES__DISABLED.") from error


def _modules_of(loaded: Any, where: str) -> Sequence[Module]:
    modules: Sequence[Any] = getattr(loaded, "modules", None) or (getattr(loaded, "module", None),)
    if not all(isinstance(module, Module) for module in modules):
        raise Misconfigured(f"{where} has no value `module` of type parlor.module.Module.")
    return modules
