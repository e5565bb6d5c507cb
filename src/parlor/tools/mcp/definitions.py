"""Judging how a server describes its tools, before a model reads it: what is left out, and the hash that a trusted definition is known by."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from parlor.tools.mcp.specs import ToolDefinition

MOST_SCHEMA_BYTES = 64 * 1024
MOST_DESCRIPTION = 16_384
MOST_NAME = 256
MOST_TOOLS = 256
"""Of one server: each is read by the model in every turn."""

_MOST_DEPTH = 32


class Judged(msgspec.Struct, frozen=True):
    """`left_out` says why, by the tool's name."""

    definitions: tuple[ToolDefinition, ...]
    left_out: Mapping[str, str]


def judge(definitions: Sequence[ToolDefinition]) -> Judged:
    """Takes time with hostile ones (64 KiB of schema are a tenth of a second): run it on another thread."""
    good: dict[str, ToolDefinition] = {}
    left_out: dict[str, str] = {}
    for each in definitions:
        shown = each.name[:MOST_NAME]
        if len(good) == MOST_TOOLS:
            left_out[shown] = f"the server has more than {MOST_TOOLS} tools"
        elif each.name in good:
            left_out[shown] = "the server has two tools of this name: the first one counts"
        elif reason := _reason_against(each):
            left_out[shown] = reason
        else:
            good[each.name] = ToolDefinition(each.name, each.description, _object_schema(each.parameters), each.is_idempotent)
        if len(left_out) == MOST_TOOLS:
            break
    return Judged(tuple(good.values()), left_out)


def hash_of(definition: ToolDefinition) -> str:
    """SHA-256 over name, description and schema in one canonical form, in hexadecimal. Hints of the server do not count."""
    canonical = msgspec.json.encode([definition.name, definition.description, definition.parameters], order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def _reason_against(definition: ToolDefinition) -> str | None:
    if not definition.name or len(definition.name) > MOST_NAME:
        return f"its name has {len(definition.name)} characters"
    if len(definition.description) > MOST_DESCRIPTION:
        return f"its description has more than {MOST_DESCRIPTION} characters"
    schema = cast("Any", definition.parameters)
    if not isinstance(schema, Mapping):
        return "its parameters are no JSON schema"
    try:
        size_bytes = len(msgspec.json.encode(schema))
    except (RecursionError, TypeError, ValueError, msgspec.MsgspecError):
        return "its schema is no JSON, or nested too deeply"
    if size_bytes > MOST_SCHEMA_BYTES:
        return f"its schema is {size_bytes} bytes large ({MOST_SCHEMA_BYTES} are the most)"
    return _reason_against_schema(cast("Mapping[str, Any]", schema))


def _reason_against_schema(schema: Mapping[str, Any]) -> str | None:
    if schema.get("type", "object") != "object":
        return f"its schema is of {schema.get('type')!r}, not of an object"[:200]
    if _depth(schema) > _MOST_DEPTH:
        return f"its schema is nested more than {_MOST_DEPTH} levels deep"
    if reason := _reason_against_references(schema):
        return reason
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"its schema is not valid: {error.message}"[:200]
    except Exception as error:  # a hostile schema may also break the validator
        return f"its schema cannot be checked ({type(error).__name__})"
    return None


def _object_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", **({} if "properties" in schema else {"properties": {}}), **schema}


def _depth(value: Any) -> int:
    """Level by level, since a walk by recursion would end with the interpreter's patience."""
    depth, level = 0, [value]
    while level and depth <= _MOST_DEPTH:
        depth += 1
        level = [inner for each in level for inner in _inside(each)]
    return depth


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from cast("Mapping[str, Any]", value).values()
    elif isinstance(value, list | tuple):
        yield from cast("Sequence[Any]", value)


def _reason_against_references(schema: Mapping[str, Any]) -> str | None:
    """Only references within the schema, to something that is there, and never in a circle: few models, and no form, can be made of such a one."""
    waiting: list[tuple[Any, frozenset[str]]] = [(schema, frozenset())]
    seen = 0
    while waiting:
        value, path = waiting.pop()
        seen += 1
        if seen > 50_000:
            return "its schema refers to itself too often"
        if isinstance(value, Mapping) and "$ref" in value:
            reference = cast("Mapping[str, Any]", value)["$ref"]
            if not isinstance(reference, str):
                continue  # a property that is called $ref
            if reference in path:
                return "its schema is recursive"
            target = _target(schema, reference)
            if target is None:
                return f"its schema refers to {reference!r}, which is not in it"[:200]
            waiting.append((target, path | {reference}))
        waiting += [(inner, path) for inner in _inside(value)]
    return None


def _target(schema: Mapping[str, Any], reference: str) -> Mapping[str, Any] | None:
    if reference == "#":
        return schema
    if not reference.startswith("#/"):
        return None
    found: Any = schema
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return None
        found = cast("dict[str, Any]", found)[name]
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else None
