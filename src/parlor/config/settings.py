"""The loaded settings: values by group, and for each value where it came from and what it hides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

import msgspec
from pydantic import BaseModel, RootModel

from parlor.config.files import Files
from parlor.config.redaction import showable
from parlor.config.schema import Group, Leaf, Path, Table, dotted, find, leaves, nearest, undotted, variable
from parlor.config.sources import Given
from parlor.core.errors import Invalid, Misconfigured
from parlor.core.settings import RootSettings
from parlor.module import Found, Module

M = TypeVar("M", bound=BaseModel)

DEFAULT = "default"


class UnknownSetting(Invalid):
    code = "config.unknown_setting"


class Hidden(msgspec.Struct, frozen=True):
    """A value that a higher source hides."""

    source: str
    value: Any


class Explanation(msgspec.Struct, frozen=True):
    """One setting. Values are ready for JSON, and secrets are stars."""

    path: str
    variable: str
    value: Any
    source: str
    hides: tuple[Hidden, ...]
    default: Any
    description: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`groups` holds what each module that is on gets, by settings key; services receive their own group by its type."""

    root: RootSettings
    groups: Mapping[str, BaseModel]
    found: tuple[Found, ...]
    tree: Group
    given: Mapping[Path, Sequence[Given]]
    files: Files
    folder: FilePath
    warnings: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The environment over `.env`: for files of the operator's that name variables."""

    @property
    def place(self) -> FilePath:
        """Where parlor.toml is, or would be: files that belong beside it start from here."""
        return self.folder if self.files.toml_path is None else self.files.toml_path.parent

    def check_files(self) -> None:
        """Look into the files that settings name, beyond parlor.toml: at the start of a server, and when it is asked for, since a command that needs
        none of them should run without. Raises `Misconfigured` with a line for each problem."""
        said = [getattr(group, "file_problems", None) for group in self.groups.values()]
        problems = [problem for ask in said if ask is not None for problem in cast("Iterable[str]", ask(self.place, self.variables))]
        if problems:
            raise Misconfigured("\n".join(problems), problems=problems)

    @property
    def modules(self) -> list[Module]:
        """Those that are on."""
        return [row.module for row in self.found if row.is_on]

    def group(self, kind: type[M]) -> M:
        """Raises `KeyError` when no module that is on has such settings."""
        if kind is RootSettings:
            return cast(M, self.root)
        for group in self.groups.values():
            if type(group) is kind:
                return cast(M, group)
        raise KeyError(kind.__name__)

    def explain(self, name: str) -> Explanation:
        """`name` is a path ("wallet.initial_bonus_micros") or a variable. Raises `UnknownSetting`, also for a group of settings."""
        path = undotted(name)
        node, _ = find(self.tree, path)
        if not isinstance(node, Leaf | Table) or not path:
            raise self._unknown(name, path)
        return self._explanation(path, node)

    def explain_all(self, name: str = "") -> list[Explanation]:
        """Every setting below `name`; of names that the operator chooses those that are given."""
        path = undotted(name)
        node, _ = find(self.tree, path)
        if node is None:
            raise self._unknown(name, path)
        return [self._explanation(each, leaf) for each, leaf in self._present(path)]

    def _present(self, path: Path) -> Iterator[tuple[Path, Leaf]]:
        fixed = [each for each, node in leaves(self.tree) if isinstance(node, Leaf) and "<name>" not in each]
        chosen = [each for each in self.given if each not in set(fixed)]
        for each in (*fixed, *sorted(chosen)):
            node, _ = find(self.tree, each)
            if isinstance(node, Leaf) and each[: len(path)] == path:
                yield each, node

    def _explanation(self, path: Path, node: Leaf | Table) -> Explanation:
        given = self.given.get(path, ())
        default = showable(node, node.default) if isinstance(node, Leaf) else None
        return Explanation(
            path=dotted(path),
            variable=variable(path),
            value=showable(node, self._value_at(path)),
            source=given[0].origin if given else self._source_of_table(path, node),
            hides=tuple(Hidden(each.origin, showable(node, each.value)) for each in given[1:]),
            default=default,
            description=node.description,
        )

    def _source_of_table(self, path: Path, node: Leaf | Table) -> str:
        """A table has as many sources as its entries."""
        below = {each[0].origin: None for where, each in self.given.items() if where[: len(path)] == path}
        return ", ".join(below) if below and isinstance(node, Table) else DEFAULT

    def _value_at(self, path: Path) -> Any:
        value: Any = self.root if path[0] in RootSettings.model_fields else self.groups.get(path[0])
        for part in path if value is self.root else path[1:]:
            value = _step(value, part)
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else _plain(value)

    def _unknown(self, name: str, path: Path) -> UnknownSetting:
        if path and find(self.tree, path)[0] is not None:
            return UnknownSetting(f"{name} is a group of settings, not one: `parlor config list {name}` shows what is in it.")
        meant = nearest(self.tree, path) if path else None
        cure = "`parlor config list` shows all that there are" if meant is None else f"did you mean {dotted(meant)}?"
        return UnknownSetting(f"There is no setting {name!r}: {cure}" + ("" if cure.endswith("?") else "."))


def _step(value: Any, part: str) -> Any:
    if isinstance(value, RootModel):
        value = cast(Any, value).root
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value).get(part)
    if isinstance(value, BaseModel):
        part = next((name for name, field in type(value).model_fields.items() if field.alias == part), part)
    return getattr(value, part, None)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast(Mapping[Any, Any], value).items()}
    return value
