"""Arguments against schemas that nobody has to trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from parlor.tools import ArgumentCheck, ExecutionContext, ToolSettings


@dataclass
class Shaped:
    parameters: Mapping[str, Any]
    name: str = "shaped"
    description: str = ""

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        return arguments


def _properties(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "arguments", "problem"),
    [
        ({}, {"a": 1}, None),
        ({"type": "object"}, {}, None),
        (_properties(a={"type": "integer"}), {"a": 1, "b": 2}, None),
        (_properties(a={"type": "integer"}), {"a": "x"}, "the arguments do not fit: a: 'x' is not of type 'integer'"),
        (_properties(a={"type": "array", "items": {"type": "number"}}), {"a": [1, "x"]}, "the arguments do not fit: a[1]: 'x' is not of type 'number'"),
        ({"required": ["b"]}, {}, "the arguments do not fit: 'b' is a required property"),
        ({"$defs": {"n": {"type": "null"}}, **_properties(a={"$ref": "#/$defs/n"})}, {"a": 0}, "the arguments do not fit: a: 0 is not of type 'null'"),
        # a regular expression that would take for ever, and what would stand on it
        (_properties(a={"type": "string", "pattern": "^(a+)+$"}), {"a": "a" * 60 + "!"}, None),
        ({"patternProperties": {"^(a+)+$": {"type": "integer"}}, "additionalProperties": False}, {"a" * 60 + "!": "x"}, None),
        (_properties(pattern={"type": "integer"}), {"pattern": "x"}, "the arguments do not fit: pattern: 'x' is not of type 'integer'"),
        # nothing is fetched, and nothing strange is worse than a tool that cannot be used
        (_properties(a={"$ref": "http://127.0.0.1:9/schema.json"}), {"a": 1}, "the schema of this tool cannot be used (_WrappedReferencingError)"),
        ({"$ref": "#"}, {}, "the schema of this tool cannot be used (RecursionError)"),
        ({"type": 5}, {}, "the schema of this tool cannot be used (TypeError)"),
    ],
)
async def test_arguments_fit_or_a_sentence_says_where_they_do_not(schema: Any, arguments: Any, problem: str | None) -> None:
    check, tool = ArgumentCheck(ToolSettings()), Shaped(schema)
    assert await check.problem_of(tool, arguments) == problem
    assert await check.problem_of(tool, arguments) == problem


async def test_huge_arguments_are_refused() -> None:
    check = ArgumentCheck(ToolSettings(arguments_most_bytes=1000))
    assert await check.problem_of(Shaped({}), {"a": "x" * 2000}) == "the arguments are larger than 1000 bytes"
