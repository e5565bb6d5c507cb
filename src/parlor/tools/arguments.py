"""Arguments of a call against the schema that the model was shown."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import msgspec

from parlor.tools.ports import Tool
from parlor.tools.settings import ToolSettings

KEPT_VALIDATORS = 1000
MOST_PROBLEM_CHARS = 400


class ArgumentCheck:
    """Schemas come from servers that nobody has to trust: nothing is fetched for them, and their regular expressions, which may never end, are not run."""

    def __init__(self, settings: ToolSettings) -> None:
        self._most_bytes = settings.arguments_most_bytes
        self._validators: OrderedDict[int, tuple[Mapping[str, Any], Any]] = OrderedDict()

    async def problem_of(self, tool: Tool, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong, as a sentence that the model can act on; None when the arguments fit."""
        if len(msgspec.json.encode(arguments)) > self._most_bytes:
            return f"the arguments are larger than {self._most_bytes} bytes"
        return await self.problem(tool.parameters, arguments)

    async def problem(self, schema: Mapping[str, Any], value: Any) -> str | None:
        kept = self._validators.get(id(schema))
        if kept is None:
            await asyncio.to_thread(_loaded)  # the first time this imports a library, which would hold everybody up
            # the schema is kept along, so that its id stays its own
            kept = self._validators[id(schema)] = (schema, _validator_of(schema))
            if len(self._validators) > KEPT_VALIDATORS:
                self._validators.popitem(last=False)
        return _first_problem(kept[1], value)


@cache
def _loaded() -> tuple[Any, Any]:
    """The validator, and a registry without ways out: references lead to the schema itself or to the standard's own, never to an address."""
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY

    return Draft202012Validator, REGISTRY


def _validator_of(schema: Mapping[str, Any]) -> Any:
    validator_type, registry = _loaded()
    return validator_type(without_patterns(schema), registry=registry)


_OF_NAMES = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_PATTERNS = frozenset({"pattern", "patternProperties"})
_REST = frozenset({"additionalProperties", "unevaluatedProperties"})
_VALUES = frozenset({"enum", "const", "default", "examples", "required", "type"})


def without_patterns(schema: Any) -> Any:
    """The schema without regular expressions, and without what stands on them: the rule for the properties that no expression names."""
    if isinstance(schema, list):
        return [without_patterns(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    own = cast("Mapping[str, Any]", schema)
    left_out = _PATTERNS | _REST if "patternProperties" in own else _PATTERNS
    return {key: _inner(key, value) for key, value in own.items() if key not in left_out}


def _inner(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _OF_NAMES and isinstance(value, Mapping):
        return {name: without_patterns(each) for name, each in cast("Mapping[str, Any]", value).items()}
    return without_patterns(value)


def _first_problem(validator: Any, value: Any) -> str | None:
    try:
        error = next(validator.iter_errors(value), None)
    except Exception as failure:  # whatever a strange schema does
        return f"the schema of this tool cannot be used ({type(failure).__name__})"
    if error is None:
        return None
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    return f"the arguments do not fit: {where + ': ' if where else ''}{error.message}"[:MOST_PROBLEM_CHARS]
