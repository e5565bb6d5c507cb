"""Reading one source of settings: variables (of the environment or of `.env`) and TOML tables.

A source gives values with the words in which they were written, so that every complaint and explanation can name the line to change.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, cast

import msgspec

from parlor.config.schema import PREFIX, Group, Leaf, Node, Path, child, dotted, find, nearest, variable

RESERVED = frozenset({"PARLOR_CONFIG"})
"""Variables of ours that are not settings."""

_ORCHESTRATOR = re.compile(r"PARLOR_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
"""Kubernetes puts these into every container beside a service called `parlor` or `parlor-...`; they are nobody's mistake."""


class Given(msgspec.Struct, frozen=True):
    """A value as one source gave it. `name` is what to change (`PARLOR_WALLET__X`, `wallet.x`), `source` where it stands."""

    value: Any
    source: str
    name: str

    @property
    def origin(self) -> str:
        return f"{self.source} ({self.name})" if self.is_variable else self.source

    @property
    def is_variable(self) -> bool:
        return self.name.isupper() or self.name.startswith(PREFIX)

    @property
    def written(self) -> str:
        return self.name if self.source == "environment" else f"{self.name} in {self.source}"


class Source(msgspec.Struct):
    """What one source gives, and what is wrong with how it is written."""

    values: dict[Path, Given] = msgspec.field(default_factory=dict[Path, Given])
    problems: list[str] = msgspec.field(default_factory=list[str])
    warnings: list[str] = msgspec.field(default_factory=list[str])


def from_variables(root: Group, variables: Mapping[str, str | None], source: str, folder: FilePath) -> Source:
    """The `PARLOR_` variables among them."""
    result = Source()
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in RESERVED and not _is_orchestrators(name, variables[name]):
            _take_variable(root, result, Given(variables[name] or "", source, name), folder)
    return result


def _is_orchestrators(name: str, value: str | None) -> bool:
    return _ORCHESTRATOR.fullmatch(name) is not None or (name.endswith("_PORT") and re.match(r"(tcp|udp|sctp)://", value or "") is not None)


def _take_variable(root: Group, result: Source, given: Given, folder: FilePath) -> None:
    path = tuple(given.name.removeprefix(PREFIX).lower().split("__"))
    node, _ = find(root, path)
    if node is None or "" in path:
        result.problems.append(_unknown(root, given, path, is_variable=True))
    elif complaint := complaint_about(given, node):
        result.problems.append(complaint)
    elif path in result.values:
        result.problems.append(f"{given.written} and {result.values[path].name} are the same setting: remove one.")
    else:
        _take_text(root, result, given, path, node, folder)


def complaint_about(given: Given, node: Node) -> str | None:
    text = given.value
    hint = " (write [] for none)" if isinstance(node, Leaf) and node.text == "list" else ""
    if not text.strip():
        return f"{given.written} is empty: give it a value{hint}, or remove it."
    if text != text.strip():
        return f"{given.written} has spaces or a line break around its value: remove them."
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return f"{given.written} has quotes that are part of its value: remove them (docker's --env-file, for one, keeps quotes)."
    return None


def _take_text(root: Group, result: Source, given: Given, path: Path, node: Node, folder: FilePath) -> None:
    if isinstance(node, Leaf) and (node.text == "plain" or (node.text == "list" and not given.value.startswith("["))):
        result.values[path] = Given(ready(node, given.value, folder), given.source, given.name)
        return
    try:
        value = json.loads(given.value)
    except ValueError:
        kind = "a list: write a,b or a JSON array" if isinstance(node, Leaf) and node.text == "list" else "several settings in one: write a JSON object"
        result.problems.append(f"{given.written} takes {kind}.")
        return
    for inner, item in _walk(root, result, node, path, value, given, folder):
        result.values.setdefault(inner, item)


def from_table(root: Group, table: Mapping[str, Any], file: FilePath, folder: FilePath) -> Source:
    """A parsed TOML file. Relative paths in it start from its folder; `data_dir`, as everywhere, from the current one."""
    result = Source()
    for name, value in table.items():
        origin = folder if name == "data_dir" else file.parent
        node = root.fields.get(name)
        given = Given(value, str(file), name)
        if node is None:
            result.problems.append(_unknown(root, given, (name,), is_variable=False))
        else:
            result.values.update(_walk(root, result, node, (name,), value, given, origin))
    return result


def _walk(root: Group, result: Source, node: Node, path: Path, value: Any, given: Given, folder: FilePath) -> Iterator[tuple[Path, Given]]:
    """The leaves of a nested value. Names that are not known become problems."""
    here = given if given.is_variable else Given(value, given.source, dotted(path))
    if isinstance(node, Leaf):
        yield path, Given(ready(node, value, folder), here.source, here.name)
    elif not isinstance(value, dict):
        result.problems.append(f"{here.written} must be a table of settings, not {type(value).__name__}.")
    elif not value:
        yield path, Given({}, here.source, here.name)
    else:
        for name, each in cast(dict[str, Any], value).items():
            inner, below = child(node, name), (*path, name)
            if inner is None:
                written = given.name if given.is_variable else dotted(below)
                result.problems.append(_unknown(root, Given(each, given.source, written), below, is_variable=False))
            else:
                yield from _walk(root, result, inner, below, each, given, folder)


def ready(leaf: Leaf, value: Any, folder: FilePath) -> Any:
    """Lists out of `a,b`, and paths that start somewhere."""
    if not isinstance(value, str):
        return value
    if leaf.text == "list":
        return [each.strip() for each in value.split(",") if each.strip()]
    if leaf.is_file and value:
        try:
            return str(folder / FilePath(value).expanduser())
        except RuntimeError:  # ~somebody who does not exist: the plain name will say so when it is opened
            return value
    return value


def _unknown(root: Group, given: Given, path: Path, *, is_variable: bool) -> str:
    meant = nearest(root, path)
    what = given.written if is_variable or not given.is_variable else f"{dotted(path)} in {given.written}"
    if meant is None:
        return f"{what} is not a setting: remove it (`parlor config list` shows all that there are)."
    return f"{what} is not a setting: did you mean {variable(meant) if is_variable else dotted(meant)}?"
