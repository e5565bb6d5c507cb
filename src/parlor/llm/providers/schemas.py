"""JSON schemas as the strictest provider wants them."""

from collections.abc import Mapping
from typing import Any, cast

_UNSUPPORTED = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "maxItems", "uniqueItems",
     "minProperties", "maxProperties", "patternProperties", "propertyNames", "$schema", "default", "examples"}
)  # fmt: skip
_NAMED = ("properties", "$defs", "definitions")
_VALUES = ("enum", "const", "required")


def closed(schema: Any) -> Any:
    """For Anthropic: objects allow no properties but their own, and what it refuses a whole request for is left out.

    So the answer may break a bound that the schema had: whoever needs it checks it. The list is that of the official client's `transform_schema`.
    """
    if isinstance(schema, list):
        return [closed(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    given = cast("Mapping[str, Any]", schema)
    found = {_renamed(key): _closed_at(key, value) for key, value in given.items() if key not in _UNSUPPORTED and not (key == "minItems" and value > 1)}
    return {**found, "additionalProperties": False} if found.get("type") == "object" else found


def _closed_at(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _NAMED and isinstance(value, Mapping):
        return {name: closed(each) for name, each in cast("Mapping[str, Any]", value).items()}
    return closed(value)


def _renamed(key: str) -> str:
    return "anyOf" if key == "oneOf" else key
