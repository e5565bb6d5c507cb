"""Calls of one answer run at once: each between its own two transactions, and their results are read in their order."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from parlor.agents.runs.parallel import MOST_AT_ONCE, in_parallel
from parlor.llm import Finished, ToolCallDelta
from parlor.testing import ScriptedModel, says
from parlor.tools import ExecutionContext, ToolError
from tests.support.history import complaints_about
from tests.support.house_fixtures import OpenServed
from tests.support.wire import wire_of


class Meets:
    """Each call waits until all have come: run one after the other, none would ever end."""

    name, description = "meet", "Waits for the others."
    parameters: Mapping[str, Any] = {"type": "object"}

    def __init__(self, count: int) -> None:
        self._barrier = asyncio.Barrier(count)

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        await self._barrier.wait()
        if arguments.get("fails"):
            raise ToolError("missed it")
        return arguments["name"]


async def test_the_calls_of_one_answer_run_at_once(open_served: OpenServed) -> None:
    calls = [ToolCallDelta(at, f"c{at}", "meet", f'{{"name": "{at}"{", " + chr(34) + "fails" + chr(34) + ": true" if at == 1 else ""}}}') for at in range(4)]
    model = ScriptedModel([*calls, Finished("tool_calls")], says("met"))
    house = await open_served(model, tools=[Meets(4)], settings={"agents.assistant": {"tools": ["*"]}})
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    assert turn["state"] == "completed", turn
    assert [part["type"] for part in answer["parts"]] == ["tool_call"] * 4 + ["tool_result"] * 4 + ["text"]
    assert [(message.call_id, message.text) for message in model.requests[1].messages[3:]] == [
        *(("c0", "0"), ("c1", "error: missed it"), ("c2", "2"), ("c3", "3")),
    ]
    assert complaints_about(wire_of(model.requests[1].messages)) == []
    numbers = [frame.number for frame in await ann.events(turn["id"])]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_the_first_that_fails_ends_the_others_and_is_what_is_raised() -> None:
    ended: list[int] = []

    async def fails() -> int:
        raise ValueError("first")

    async def waits(number: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)
        return number

    with pytest.raises(ValueError, match="first"):
        await in_parallel([waits(1), fails(), waits(2)])
    assert sorted(ended) == [1, 2]


async def test_no_more_than_some_run_at_once() -> None:
    now, most = 0, 0

    async def work(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return number

    assert await in_parallel([work(number) for number in range(50)]) == list(range(50))
    assert most == MOST_AT_ONCE
