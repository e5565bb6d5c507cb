"""From sources to settings: merge by rank, validate, keep where each value came from. Reading happens here and nowhere else."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from parlor.config.complaints import complaints
from parlor.config.files import Files, read_files
from parlor.config.schema import Group, Leaf, Path, find, group_of, tree_of, undotted
from parlor.config.settings import Settings
from parlor.config.sources import Given, Source, from_table, from_variables, ready
from parlor.config.usual import from_usual_names
from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings
from parlor.module import Found, Module, discover

M = TypeVar("M", bound=BaseModel)

COMMAND_LINE = "command line"


def load(environ: Mapping[str, str] = os.environ, cwd: FilePath | None = None, *, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Find the modules and read their settings. Raises `Misconfigured`."""
    modules = read_root(environ, cwd).modules
    return load_settings(discover(modules.dir, modules.disabled), environ, cwd, overrides=overrides)


def load_settings(
    modules: Iterable[Module | Found], environ: Mapping[str, str] = os.environ, cwd: FilePath | None = None, *, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings tree of these modules. `overrides` ({"server.port": 9000}) stand above all sources: the flags of a command.

    Settings of a module that is off must have known names, and are otherwise not looked at. Raises `Misconfigured` with one line per problem.
    """
    found = [row if isinstance(row, Found) else Found(row, "given", is_on=True) for row in modules]
    folder = (cwd or FilePath.cwd()).absolute()
    tree = tree_of(row.module for row in found)
    files = read_files(environ, folder)
    sources = _sources(tree, files, environ, folder, overrides or {})
    problems = [problem for source in sources for problem in source.problems]
    given = _merge(sources)
    root, groups = _validate(tree, found, given, folder, problems)
    if root is not None and not problems:
        problems += [refusal for group in groups.values() for refusal in _said(group, "refusals", root)]
        problems += [refusal for group in groups.values() for refusal in _said(group, "conflicts", groups.values())]
    if problems or root is None:
        raise Misconfigured("\n".join(problems), problems=problems)
    warnings = [*files.warnings, *(warning for group in groups.values() for warning in _said(group, "warnings", root))]
    variables = {name: value for name, value in {**files.env, **environ}.items() if value is not None}
    return Settings(
        root=root,
        groups=groups,
        found=tuple(found),
        tree=tree,
        given=given,
        files=files,
        folder=folder,
        warnings=tuple(warnings),
        variables=variables,
    )


def read_root(environ: Mapping[str, str] = os.environ, cwd: FilePath | None = None) -> RootSettings:
    """The few settings that say which modules there are. Everything else is left for `load_settings` to judge."""
    folder = (cwd or FilePath.cwd()).absolute()
    tree = group_of(RootSettings)
    sources = _sources(tree, read_files(environ, folder), environ, folder, {})
    problems: list[str] = []
    values = _part(_merge(sources), ("modules",))
    root = _model(RootSettings, tree, {"modules": values}, _merge(sources), problems, ())
    if root is None:
        raise Misconfigured("\n".join(problems), problems=problems)
    return root


def _sources(tree: Group, files: Files, environ: Mapping[str, str], folder: FilePath, overrides: Mapping[str, Any]) -> list[Source]:
    """Lowest rank first."""
    return [
        from_usual_names(tree, files.env, ".env"),
        from_usual_names(tree, environ, "environment"),
        Source() if files.toml_path is None else from_table(tree, files.toml, files.toml_path, folder),
        from_variables(tree, files.env, ".env", folder),
        from_variables(tree, environ, "environment", folder),
        _from_flags(tree, overrides, folder),
    ]


def _from_flags(tree: Group, overrides: Mapping[str, Any], folder: FilePath) -> Source:
    result = Source()
    for name, value in overrides.items():
        path = undotted(name)
        node, _ = find(tree, path)
        result.values[path] = Given(ready(node, value, folder) if isinstance(node, Leaf) else value, COMMAND_LINE, name)
    return result


def _merge(sources: Sequence[Source]) -> dict[Path, list[Given]]:
    """For every path what was given, the winner first."""
    merged: dict[Path, list[Given]] = {}
    for source in sources:
        for path, given in source.values.items():
            merged.setdefault(path, []).insert(0, given)
    return merged


def _validate(
    tree: Group, found: Sequence[Found], given: Mapping[Path, Sequence[Given]], folder: FilePath, problems: list[str]
) -> tuple[RootSettings | None, dict[str, BaseModel]]:
    values = {name: _part(given, (name,)) for name in RootSettings.model_fields if any(path[0] == name for path in given)}
    root = _model(RootSettings, tree, values, given, problems, ())
    if root is not None:
        root = root.model_copy(update={"data_dir": folder / root.data_dir})
    groups: dict[str, BaseModel] = {}
    for row in found:
        kind, key = row.module.settings_type, row.module.key
        group = None if kind is None or not row.is_on else _model(kind, tree, _part(given, (key,)), given, problems, (key,))
        if group is not None:
            groups[key] = group
    return root, groups


def _model(kind: type[M], tree: Group, values: Any, given: Mapping[Path, Sequence[Given]], problems: list[str], path: Path) -> M | None:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems += complaints(error, tree, given, path)
        return None


def _part(given: Mapping[Path, Sequence[Given]], path: Path) -> Any:
    """The nested value at and below `path`."""
    if path in given and given[path][0].value != {}:
        return given[path][0].value
    nested: dict[str, Any] = {}
    for each in given:
        if each[: len(path)] == path and each != path:
            below = path + each[len(path) : len(path) + 1]
            nested.setdefault(below[-1], _part(given, below))
    return nested


def _said(group: BaseModel, question: str, others: RootSettings | Iterable[BaseModel]) -> Iterable[str]:
    """A group may define `refusals(root)` and `warnings(root)`, rules across its fields, and `conflicts(groups)` across all groups, in its own words."""
    ask = getattr(group, question, None)
    return () if ask is None else cast(Iterable[str], ask(others))
