"""What a server says of its tools, before a model reads it."""

from typing import Any

import pytest

from parlor.tools.mcp.definitions import MOST_TOOLS, hash_of, judge
from parlor.tools.mcp.naming import name_of
from parlor.tools.mcp.specs import ToolDefinition
from tests.support.tool_servers import tool


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"properties": {"x": schema}}
    return schema


HOSTILE: list[tuple[Any, str]] = [
    ({"type": "string"}, "its schema is of 'string'"),
    ({"type": "objekt"}, "its schema is of 'objekt'"),
    ({"properties": {"a": {"type": "numbre"}}}, "its schema is not valid"),
    ({"properties": []}, "its schema is not valid"),
    ({"properties": {"a": {"$ref": "#"}}}, "its schema is recursive"),
    ({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"properties": {"b": {"$ref": "#/$defs/B"}}}, "B": {"$ref": "#/$defs/A"}}}, "recursive"),
    ({"properties": {"a": {"$ref": "https://example.com/schema.json"}}}, "which is not in it"),
    ({"properties": {"a": {"$ref": "#/$defs/None"}}}, "which is not in it"),
    ({"description": "x" * 5_000_000}, "bytes large"),
    (nested(40), "nested more than 32 levels deep"),
    (nested(5_000), "nested"),
    ([], "no JSON schema"),
]


@pytest.mark.parametrize(("schema", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_a_tool_with_a_schema_that_nobody_can_use_is_left_out_with_a_reason(schema: Any, reason: str) -> None:
    found = judge([ToolDefinition("bad", "", schema), tool("good")])
    assert [each.name for each in found.definitions] == ["good"]
    assert reason in found.left_out["bad"]


def test_references_that_multiply_end() -> None:
    """Each level refers twice to the next: 2^30 paths."""
    levels = {f"L{n}": {"properties": {"a": {"$ref": f"#/$defs/L{n + 1}"}, "b": {"$ref": f"#/$defs/L{n + 1}"}}} for n in range(30)}
    schema = {"properties": {"x": {"$ref": "#/$defs/L0"}}, "$defs": {**levels, "L30": {}}}
    assert "too often" in judge([ToolDefinition("bad", "", schema)]).left_out["bad"]


def test_parameters_are_always_an_object_and_what_was_there_stays() -> None:
    bare, whole = judge(
        [ToolDefinition("bare", "", {}), ToolDefinition("whole", "", {"properties": {"$ref": {"type": "string"}}, "required": ["$ref"]})]
    ).definitions
    assert bare.parameters == {"type": "object", "properties": {}}
    assert whole.parameters == {"type": "object", "properties": {"$ref": {"type": "string"}}, "required": ["$ref"]}


def test_twins_and_more_tools_than_anybody_reads_are_left_out() -> None:
    found = judge([tool("same", "first"), tool("same", "second"), tool(""), tool("x" * 300), tool("long", "d" * 20_000)])
    assert [each.description for each in found.definitions] == ["first"]
    assert len(found.left_out) == 4
    many = judge([tool(f"t{n}") for n in range(MOST_TOOLS + 10)])
    assert len(many.definitions) == MOST_TOOLS
    assert len(many.left_out) == 10


def test_a_hash_knows_name_description_and_schema_and_nothing_of_their_order() -> None:
    one = ToolDefinition("a", "b", {"type": "object", "properties": {"x": {}, "y": {}}})
    assert hash_of(one) == hash_of(ToolDefinition("a", "b", {"properties": {"y": {}, "x": {}}, "type": "object"}, is_idempotent=True))
    others = [ToolDefinition("A", "b", one.parameters), ToolDefinition("a", "b ", one.parameters), ToolDefinition("a", "b", {"type": "object"})]
    assert len({hash_of(each) for each in (one, *others)}) == 4


@pytest.mark.parametrize(
    ("server", "own", "name"),
    [
        ("time", "get_current_time", "time_get_current_time"),
        ("my server", "búscar/todo", "my_server_b_scar_todo"),
        ("io.example", "a.b", "io_example_a_b"),
    ],
)
def test_a_name_is_the_servers_and_the_tools(server: str, own: str, name: str) -> None:
    assert name_of(server, own, ()) == name


def test_long_and_taken_names_get_a_hash_and_are_the_same_every_time() -> None:
    long = name_of("server", "t" * 200, ())
    assert len(long) == 64
    assert long == name_of("server", "t" * 200, ())
    assert long != name_of("server", "t" * 201, ())
    twin = name_of("my.server", "x", {"my_server_x"})
    assert twin.startswith("my_server_x_")
    assert twin != name_of("my-server", "x", {"my-server_x"})
    assert name_of("my.server", "x", {"my_server_x", twin}) not in {"my_server_x", twin}
