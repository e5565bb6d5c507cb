"""Tools without a model: over HTTP, and at the command line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from parlor.cli import run
from parlor.tools import Asked, ExecutionContext, InputRequired
from tests.support.house_fixtures import OpenServed


class Doorbell:
    """Rings, once it knows at which door."""

    name = "door_ring"
    description = "Rings a bell."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"times": {"type": "integer", "minimum": 1}}, "required": ["times"]}

    def __init__(self) -> None:
        self.rung: list[tuple[str, int, Any]] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        if (door := context.answers.get("door")) is None:
            raise InputRequired(Asked("form", "Which door?", "door", schema={"type": "object", "properties": {"door": {"type": "string"}}}))
        self.rung.append((str(context.account_id), arguments["times"], door.form))
        return "ding" * arguments["times"]


async def test_what_one_may_use_is_listed_with_its_policy(open_served: OpenServed) -> None:
    house = await open_served(tools=[Doorbell()], settings={"tools.policy": {"door_*": "ask", "calc*": "deny"}})
    ann = await house.person()
    assert [(tool["name"], tool["policy"], tool["origin"]) for tool in (await ann.client.get("/tools")).json()["items"]] == [("door_ring", "ask", "built-in")]


async def test_a_call_answers_with_a_result_or_with_what_went_wrong(open_served: OpenServed) -> None:
    house = await open_served()
    ann = await house.person()

    async def call(name: str, **arguments: Any) -> Any:
        return await ann.client.post(f"/tools/{name}/call", json={"arguments": arguments})

    right, wrong, none = await call("calculator", expression="2*3"), await call("calculator", expression="1/0"), await call("calculator")
    assert (right.json()["result"], right.json()["error"]) == ({"expression": "2*3", "value": 6}, None)
    assert right.json()["took_ms"] >= 0
    assert wrong.json()["error"] == "division by zero"
    assert none.json()["error"] == "the arguments do not fit: 'expression' is a required property"
    assert (await call("nothing")).json()["code"] == "tools.no_such_tool"
    assert (await ann.client.post("/tools/calculator/call", json={"arguments": []})).status_code == 422


async def test_a_call_that_has_to_be_looked_at_is_made_once_its_caller_has(open_served: OpenServed) -> None:
    """SEC-23: the confirmation is good for this account and these arguments alone."""
    bell = Doorbell()
    house = await open_served(tools=[bell], settings={"tools.policy": {"door_*": "ask"}})
    ann, bob = await house.person(), await house.person()
    body: dict[str, Any] = {"arguments": {"times": 2}, "answers": {"door": {"door": "green"}}}
    refused = await ann.client.post("/tools/door_ring/call", json=body)
    assert (refused.status_code, refused.json()["code"], refused.json()["arguments"]) == (409, "tools.approval_required", {"times": 2})
    confirm = refused.json()["confirm"]
    until, _, signature = confirm.partition(".")
    attempts = [
        (ann, {**body, "confirm": "yes"}),
        (ann, {**body, "confirm": f"{int(until) + 1}.{signature}"}),
        (ann, {**body, "confirm": f"0.{signature}"}),
        (ann, {**body, "arguments": {"times": 3}, "confirm": confirm}),
        (bob, {**body, "confirm": confirm}),
    ]
    assert [(await person.client.post("/tools/door_ring/call", json=each)).status_code for person, each in attempts] == [409] * 5
    assert bell.rung == []
    assert (await ann.client.post("/tools/door_ring/call", json={**body, "confirm": confirm})).json()["result"] == "dingding"
    assert bell.rung == [(ann.id, 2, {"door": "green"})]


async def test_a_tool_that_needs_something_says_what(open_served: OpenServed) -> None:
    house = await open_served(tools=[Doorbell()])
    ann = await house.person()
    needed = await ann.client.post("/tools/door_ring/call", json={"arguments": {"times": 1}})
    problem = needed.json()
    assert (needed.status_code, problem["code"], problem["detail"], problem["kind"], problem["key"]) == (
        *(409, "tools.input_required", "Which door?"),
        *("form", "door"),
    )
    assert problem["schema"]["properties"] == {"door": {"type": "string"}}


def test_the_commands_list_and_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["--json", "tools", "list"]) == 0
    assert [tool["name"] for tool in json.loads(capsys.readouterr().out)] == ["calculator", "current_time", "fetch"]
    assert run(["tools", "call", "calculator", '{"expression": "5+3"}']) == 0
    assert json.loads(capsys.readouterr().out) == {"expression": "5+3", "value": 8}
    for code, arguments, complaint in [
        (2, ["calculator", "5+3"], "parlor: The arguments are not a JSON object.\n"),
        (1, ["calculator", '{"expression": "1/0"}'], "parlor: division by zero\n"),
        (1, ["clock"], "parlor: There is no tool called 'clock'. There are: calculator, current_time, fetch.\n"),
    ]:
        assert run(["tools", "call", *arguments]) == code
        assert capsys.readouterr().err == complaint
