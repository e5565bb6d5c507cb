"""Objects of the operator's that settings name: `package.module:attribute`, or `path.py:attribute` beside parlor.toml."""

import importlib
import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from parlor.core.errors import Misconfigured

PRIVATE = "parlor_named_"
"""How modules begin that were loaded from a file: nobody imports them by accident, and two files of one name are two modules."""


class CannotLoad(Misconfigured):
    """The detail is what stands in the way, with a cure."""

    code = "agents.cannot_load"


def load_named(name: str, folder: Path) -> Any:
    """The object. A file is run once a process, however often it is named. Raises CannotLoad, whatever goes wrong in it."""
    place, separator, attribute = name.rpartition(":")
    if not separator or not place or not attribute.isidentifier():
        raise CannotLoad(f"{name!r} names nothing: write `package.module:attribute` or `path.py:attribute`")
    try:
        module = _from_file((folder / place).resolve()) if place.endswith(".py") else importlib.import_module(place)
    except CannotLoad:
        raise
    except ModuleNotFoundError as error:
        raise CannotLoad(f"{place} cannot be imported: there is no module {error.name!r}; install it in Parlor's environment") from error
    except (Exception, SystemExit) as error:  # whatever the file does when it is run
        raise CannotLoad(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise CannotLoad(f"{place} has no attribute {attribute!r}") from None


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise CannotLoad(f"there is no file {path}: relative paths start where parlor.toml is")
    name = f"{PRIVATE}{path.stem}_{sha256(str(path).encode()).hexdigest()[:12]}"
    if (loaded := sys.modules.get(name)) is not None:
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotLoad(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # before it runs: dataclasses and pickles look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
