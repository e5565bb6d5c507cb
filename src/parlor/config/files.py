"""Finding and reading `parlor.toml` and `.env`."""

import tomllib
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from dotenv.parser import parse_stream

from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings


class Files(msgspec.Struct, frozen=True):
    """What was read: the file's path (None: there is none) and what stands in it."""

    env_path: Path
    env: Mapping[str, str | None]
    toml_path: Path | None
    toml: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def read_files(environ: Mapping[str, str], folder: Path) -> Files:
    """`.env` of the current folder; `parlor.toml` is `PARLOR_CONFIG`, else in the current folder, else in the data directory."""
    env, warnings = _read_env(folder / ".env")
    toml_path = _toml_path({**env, **environ}, folder)
    toml = {} if toml_path is None else _read_toml(toml_path)
    if "data_dir" in toml and toml_path is not None and "PARLOR_CONFIG" not in {**env, **environ} and toml_path.parent != folder:
        raise Misconfigured(f"data_dir in {toml_path} cannot change where that file itself was found: set PARLOR_DATA_DIR, or move the file.")
    return Files(folder / ".env", env, toml_path, toml, warnings)


def _toml_path(variables: Mapping[str, str | None], folder: Path) -> Path | None:
    if named := variables.get("PARLOR_CONFIG"):
        path = folder / Path(named).expanduser()
        if not path.is_file():
            raise Misconfigured(f"PARLOR_CONFIG is {named}, and there is no such file: write it, or unset the variable.")
        return path
    candidates = (folder / "parlor.toml", _data_dir(variables, folder) / "parlor.toml")
    return next((path for path in candidates if path.is_file()), None)


def _data_dir(variables: Mapping[str, str | None], folder: Path) -> Path:
    return folder / Path(variables.get("PARLOR_DATA_DIR") or RootSettings.model_fields["data_dir"].default).expanduser()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not valid TOML: {error}.") from error


def _read_env(path: Path) -> tuple[dict[str, str | None], tuple[str, ...]]:
    """`$` stands for itself: passwords have it more often than anybody wants a variable there."""
    if not path.is_file():
        return {}, ()
    lines = list(parse_stream(StringIO(_text_of(path))))
    unread = tuple(f"Line {line.original.line} of {path} cannot be read and does not count." for line in lines if line.error)
    return {line.key: line.value for line in lines if line.key is not None}, unread


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Misconfigured(f"{path} cannot be read ({reason}): mend it, or move it away.") from error
