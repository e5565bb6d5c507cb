"""A command as a person writes it, to the program and arguments that are started: split as a shell would, and never run by one."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PYTHONS = frozenset({"python", "python3"})


class NoSuchCommand(ValueError):
    """The text is a sentence that names the command and the cure."""


def words_of(command: str | Sequence[str]) -> list[str]:
    """A string that is the path of a file is one word, whatever spaces it has. Raises NoSuchCommand for quotes that do not end, and for nothing."""
    if not isinstance(command, str):
        words = list(command)
    elif Path(command).is_file():
        words = [command]
    else:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise NoSuchCommand(f"the command {command!r} cannot be split into words ({error}): write it as a list") from error
    if not words or not words[0]:
        raise NoSuchCommand("the command is empty: name the program that is the server")
    return words


def resolved(words: Sequence[str], folder: Path, env: Mapping[str, str], variables: Mapping[str, str], *, own_python: bool) -> tuple[str, ...]:
    """With the program's absolute path. A name is looked for on the PATH, a path starts from `folder`.

    `python` and `python3` are Parlor's own interpreter where there is none on the PATH, and always with `own_python`: a plugin written against the
    same packages then runs wherever Parlor does. Raises NoSuchCommand.
    """
    program, *arguments = words
    if own_python and program in _PYTHONS:
        return (sys.executable, *arguments)
    if os.sep in program or (os.altsep and os.altsep in program):
        path = folder / Path(program).expanduser()
        if not path.is_file() or not os.access(path, os.X_OK):
            raise NoSuchCommand(f"there is no program {path}: mend the path, and see that it may be executed")
        return (str(path), *arguments)
    found = shutil.which(program, path=env.get("PATH") or variables.get("PATH") or os.defpath)
    if found is None and program in _PYTHONS:
        found = sys.executable
    if found is None:
        raise NoSuchCommand(f"there is no program called {program!r} on the PATH: install it, or write its whole path")
    return (str(Path(found).absolute()), *arguments)
