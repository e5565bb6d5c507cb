"""The shape of the settings tree: which names exist, what may stand there, what is secret.

It is read off the pydantic models of the root and of every module, so a setting is described in one place only.
"""

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from inspect import get_annotations
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel, RootModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from parlor.core.errors import Misconfigured
from parlor.core.redaction import is_telling
from parlor.core.settings import RootSettings
from parlor.module import Module

Path: TypeAlias = tuple[str, ...]
"""Where a setting stands: ("llm", "providers", "main", "base_url")."""

PREFIX = "PARLOR_"
_LISTS = (list, tuple, set, frozenset, Sequence)


class Leaf(msgspec.Struct, frozen=True):
    """One value. `text` says how a string is read: as it is, as a list (`a,b` or JSON), or as JSON."""

    text: Literal["plain", "list", "json"]
    is_secret: bool = False
    is_file: bool = False
    default: Any = None
    is_required: bool = False
    description: str = ""


class Group(msgspec.Struct, frozen=True):
    """Named settings, and what stands behind every other name, where the operator may choose some beside them."""

    fields: "Mapping[str, Node]"
    others: "Node | None" = None


class Table(msgspec.Struct, frozen=True):
    """Names that the operator chooses, each with the same kind of thing behind it."""

    value: "Node"
    description: str = ""


Node: TypeAlias = Leaf | Group | Table


def tree_of(modules: Iterable[Module]) -> Group:
    """Root settings, and the group of each module under its key. Raises `Misconfigured` when two stand at the same place."""
    fields = dict(group_of(RootSettings).fields)
    for module in modules:
        kind = module.settings_type
        if kind is None:
            continue
        if module.key in fields:
            raise Misconfigured(f"The settings of the module {module.name!r} want the name {module.key!r}, which is taken: give it another settings_key.")
        fields[module.key] = group_of(kind) if not issubclass(kind, RootModel) else _node_of(kind, None, module.key)
    return Group(fields)


def group_of(kind: type[BaseModel]) -> Group:
    """A field's alias is its name here: `from` cannot be the name of an attribute."""
    return Group({field.alias or name: _node_of(field.annotation, field, name) for name, field in kind.model_fields.items()}, _others_of(kind))


def _others_of(kind: type[BaseModel]) -> Node | None:
    """Of a model that keeps names which are no fields, when it says of what type they are: `__pydantic_extra__: dict[str, AgentDefinition]`."""
    extras = get_annotations(kind, eval_str=True).get("__pydantic_extra__") if kind.model_config.get("extra") == "allow" else None
    return _node_of(get_args(extras)[1], None, "") if extras is not None else None


def _node_of(annotation: Any, field: FieldInfo | None, name: str) -> Node:
    kind = _without_none(annotation)
    origin = get_origin(kind) or kind
    if isinstance(origin, type):
        if issubclass(origin, RootModel):
            return _node_of(cast(type[BaseModel], origin).model_fields["root"].annotation, field, name)
        if issubclass(origin, BaseModel):
            return group_of(origin)
        if issubclass(origin, Mapping) and get_args(kind):
            return Table(_node_of(get_args(kind)[1], None, ""), (field.description if field else None) or "")
    return _leaf(kind, origin, field, name)


def _leaf(kind: Any, origin: Any, field: FieldInfo | None, name: str) -> Leaf:
    if isinstance(origin, type) and issubclass(origin, _LISTS) and not issubclass(origin, str):
        text = "list"
    elif (isinstance(origin, type) and issubclass(origin, Mapping)) or _has_model(kind):
        text = "json"
    else:
        text = "plain"
    return Leaf(
        text=text,
        is_secret=kind in (SecretStr, SecretBytes) or (kind is str and is_telling(name)),
        is_file=isinstance(kind, type) and issubclass(kind, FilePath),
        default=None if field is None or field.is_required() else field.get_default(call_default_factory=True, validated_data={}),
        is_required=field is not None and field.is_required(),
        description=(field.description if field else None) or "",
    )


def _without_none(annotation: Any) -> Any:
    """`X | None` is asked for as X: leaving a setting out is how one says None."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        others = [each for each in get_args(annotation) if each is not types.NoneType]
        if len(others) == 1:
            return _without_none(others[0])
    return annotation


def _has_model(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_has_model(each) for each in get_args(annotation))


def variable(path: Path) -> str:
    """The environment's name for it."""
    return PREFIX + "__".join(part.upper() for part in path)


def dotted(path: Path) -> str:
    """The name that `explain` takes and TOML writes: llm.models."main/gpt-x".price."""
    return ".".join(part if re.fullmatch(r"[\w*<>-]+", part) else f'"{part}"' for part in path)


def undotted(text: str) -> Path:
    """The other way round; a variable's name is understood as well."""
    if text.startswith(PREFIX):
        return tuple(text.removeprefix(PREFIX).lower().split("__"))
    return tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|([^."]+)', text))


def find(root: Group, path: Path) -> tuple[Node | None, int]:
    """What stands at `path`; when there is nothing, None and how many parts of the path were known."""
    node: Node = root
    for depth, part in enumerate(path):
        below = child(node, part)
        if below is None:
            return None, depth
        node = below
    return node, len(path)


def child(node: Node, name: str) -> Node | None:
    if isinstance(node, Group):
        return node.fields.get(name) or (node.others if name else None)
    return node.value if isinstance(node, Table) and name else None


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Leaf | Table]]:
    """Every setting below; a name that the operator chooses is `<name>`. A table comes before what is in it."""
    if isinstance(node, Leaf):
        yield path, node
    elif isinstance(node, Table):
        yield path, node
        yield from leaves(node.value, (*path, "<name>"))
    else:
        for name, each in node.fields.items():
            yield from leaves(each, (*path, name))
        if node.others is not None:
            yield from leaves(node.others, (*path, "<name>"))


def nearest(root: Group, path: Path) -> Path | None:
    """The known setting that somebody who wrote `path` most likely meant."""
    _, known = find(root, path)
    here, _ = find(root, path[:known])
    candidates = [each for each in _names(root) if "<name>" not in each]
    if known and here is not None:
        candidates += [path[:known] + each for each in _names(here) if "<name>" not in each]
    rated = [(_likeness(path, each), each) for each in candidates if each]
    best = max(rated, default=(0.0, ()))
    return best[1] if best[0] >= 0.6 else None


def _names(node: Node, path: Path = ()) -> Iterator[Path]:
    """Groups and settings."""
    yield path
    if isinstance(node, Table):
        yield from _names(node.value, (*path, "<name>"))
    elif isinstance(node, Group):
        for name, each in node.fields.items():
            yield from _names(each, (*path, name))


def _likeness(written: Path, known: Path) -> float:
    """Underscores and levels are what people get wrong most, so they do not count; the same last name is a strong hint."""
    one, other = ("".join(path).replace("_", "").lower() for path in (written, known))
    return SequenceMatcher(None, one, other).ratio() + (0.3 if written[-1:] == known[-1:] else 0.0)
