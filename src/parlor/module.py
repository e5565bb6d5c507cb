"""What a module is, and how modules are found.

Built-in modules, installed ones (entry-point group `parlor.modules`) and those of a folder are the same thing: a `Module` value.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from parlor.core.errors import Misconfigured

if TYPE_CHECKING:
    import dishka
    from fastapi import APIRouter

    from parlor.core.events import Subscriber
    from parlor.core.health import Check
    from parlor.core.invariants import Invariant
    from parlor.core.jobs import Job
    from parlor.core.userdata import UserData

BUILT_IN: tuple[str, ...] = (
    "core", "config", "accounts", "wallet", "llm", "turns", "tools", "agents", "chat", "ops",
)  # fmt: skip
"""Lower floors first: the order in which they start, and the reverse of the order in which they stop."""

ENTRY_POINT_GROUP = "parlor.modules"


@dataclass(frozen=True)
class Module:
    """All that the house needs to know of a room. Callables are called late, so that a command loads only its own module.

    `health`, `subscribers`, `tools`, `user_data` and `invariants` are factories: their parameters are filled by type from the container.
    `provider` builds services; `cli` is "package.module:typer_app"; `migrations` is a folder of Alembic revisions (third-party tables).
    """

    name: str
    settings: type[BaseModel] | None = None
    settings_key: str | None = None
    requires: Sequence[str] = ()
    provider: "Callable[[], dishka.Provider] | None" = None
    routes: "Callable[[], Sequence[APIRouter]] | None" = None
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

    @property
    def key(self) -> str:
        """Where its settings stand in the tree."""
        return self.settings_key or self.name


@dataclass(frozen=True)
class Found:
    """A module, where it came from ("built-in", "installed: <distribution>", a path) and whether it is switched on."""

    module: Module
    origin: str
    is_on: bool


def discover(directory: Path | None = None, disabled: Iterable[str] = ()) -> list[Found]:
    """Every module there is, lower floors first. Raises `Misconfigured` when one cannot be loaded, clashes, or lacks what it requires."""
    off = set(disabled)
    found = [*_built_in(), *_installed(), *_in_folder(directory)]
    names = [module.name for module, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Misconfigured(f"Two modules are called {twice[0]!r}: rename one, or remove it.")
    if unknown := sorted(off - set(names)):
        raise Misconfigured(f"PARLOR_MODULES__DISABLED names {unknown[0]!r}, and there is no such module. There are: {', '.join(names)}.")
    rows = [Found(module, origin, module.name not in off) for module, origin in found]
    _check_requirements(rows)
    return rows


def _check_requirements(rows: Sequence[Found]) -> None:
    on = {row.module.name for row in rows if row.is_on}
    for row in rows:
        missing = sorted(set(row.module.requires) - on)
        if row.is_on and missing:
            raise Misconfigured(
                f"The module {row.module.name!r} needs {missing[0]!r}, which is off or missing: switch it on, or add {row.module.name!r} to PARLOR_MODULES__DISABLED."
            )


def _built_in() -> list[tuple[Module, str]]:
    return [(_module_of(importlib.import_module(f"parlor.{name}.module"), f"parlor.{name}.module"), "built-in") for name in BUILT_IN]


def _installed() -> list[tuple[Module, str]]:
    rows: list[tuple[Module, str]] = []
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        origin = f"installed: {point.dist.name}" if point.dist else "installed"
        try:
            module = point.load()
        except Exception as error:
            raise Misconfigured(f"The installed module {point.name!r} ({point.value}) cannot be loaded: {error}.") from error
        if not isinstance(module, Module):
            raise Misconfigured(f"The entry point {point.name!r} ({point.value}) is not a parlor.module.Module.")
        rows.append((module, origin))
    return rows


def _in_folder(directory: Path | None) -> list[tuple[Module, str]]:
    """`NAME.py`, or `NAME/module.py` with its package, each with one value called `module`."""
    if directory is None:
        return []
    if not directory.is_dir():
        raise Misconfigured(f"PARLOR_MODULES__DIR is {directory}, and there is no such folder: make it, or unset the variable.")
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
    names = [path.stem for path in sorted(directory.glob("*.py")) if not path.stem.startswith("_")]
    names += [f"{path.parent.name}.module" for path in sorted(directory.glob("*/module.py"))]
    return [(_from_folder(directory, name), str(directory)) for name in names]


def _from_folder(directory: Path, name: str) -> Module:
    try:
        loaded = importlib.import_module(name)
    except Exception as error:
        raise Misconfigured(f"The module {name!r} in {directory} cannot be loaded: {error}.") from error
    return _module_of(loaded, f"{directory}/{name}")


def _module_of(loaded: Any, where: str) -> Module:
    module = getattr(loaded, "module", None)
    if not isinstance(module, Module):
        raise Misconfigured(f"{where} has no value `module` of type parlor.module.Module.")
    return module
