"""What is loaded late, or not at all.

A room's exports are loaded when they are first asked for: its `module.py` must be readable without loading the room.
"""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package. `homes` says which names live in which of its files: {"engine": "TurnEngine", "errors": "Fenced NoSuchTurn"}."""
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return find


@contextmanager
def without(package: str) -> Generator[None]:
    """What is imported here finds that `package` is not installed, and does without it. Nothing changes when it is loaded already."""
    is_loaded = package in sys.modules
    if not is_loaded:
        sys.modules[package] = None  # type: ignore[assignment]  # how an import is refused
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[package]


@contextmanager
def unbuilt_models() -> Generator[None]:
    """Models of a library that is imported here build their validators at their first use, as `core.web.schemas` has it for our own."""
    from pydantic import BaseModel

    before = BaseModel.model_config
    BaseModel.model_config = {**before, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_config = before
