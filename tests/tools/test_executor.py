"""Tools between their two transactions: whatever goes wrong with one is a result that the model reads."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from parlor.core.db import Database
from parlor.core.errors import Unavailable
from parlor.core.events import Events
from parlor.llm import Finished, ToolCallDelta
from parlor.testing import ScriptedModel, says
from parlor.tools import ExecutionContext, ToolError
from parlor.turns.queries import steps_of
from tests.support.house_fixtures import OpenServed


@dataclass
class Probe:
    """A tool that does what the test says, and notes for whom."""

    act: Callable[[Mapping[str, Any]], Awaitable[Any]]
    name: str = "probe"
    description: str = "Does what the test says."
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    contexts: list[ExecutionContext] = field(default_factory=list)

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        self.contexts.append(context)
        return await self.act(arguments)


def _calls(*arguments: str) -> list[Any]:
    return [*(ToolCallDelta(at, f"call_{at}", "probe", text) for at, text in enumerate(arguments)), Finished(reason="tool_calls")]


async def _act(arguments: Mapping[str, Any]) -> Any:
    """By the key `how`."""
    match arguments.get("how"):
        case "refuse":
            raise ToolError("the moon is closed")
        case "crash":
            raise RuntimeError("canary in a traceback")
        case "hang":
            await asyncio.Event().wait()
        case "flood":
            return "é" * 400_000
        case "strange":
            return {"when": UUID(int=1), "set": {1}, "object": object}
        case "nul":
            return {"text": "a\x00b", "k\x00": r"\u0000"}
    return arguments


async def test_every_way_a_tool_can_end_is_a_result_and_the_turn_goes_on(open_served: OpenServed) -> None:
    """BAD-72."""
    tool = Probe(_act)
    ways = ("refuse", "crash", "hang", "flood", "strange", "nul", "echo")
    model = ScriptedModel(_calls(*(f'{{"how": "{way}"}}' for way in ways)), says("done"))
    house = await open_served(model, tools=[tool], settings={"tools.timeout_seconds": 0.2, "tools.result_most_bytes": 4096})
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    assert turn["state"] == "completed"
    events = await ann.events(turn["id"])
    order = [frame.data["call_id"] for frame in events if frame.event == "tool.called"]
    results = sorted((frame.data for frame in events if frame.event == "tool.result"), key=lambda each: order.index(each["call_id"]))
    assert [result.get("error") for result in results[:3]] == ["the moon is closed", "the tool failed", "the tool did not answer within 0.2 seconds"]
    flood = results[3]["result"]
    assert flood.endswith(" [cut: 800002 bytes in all]")
    assert len(flood.encode()) < 4200
    assert results[4]["result"]["when"] == str(UUID(int=1))
    assert results[6]["result"] == {"how": "echo"}
    assert [part["type"] for part in answer["parts"]] == ["tool_call"] * len(ways) + ["tool_result"] * len(ways) + ["text"]
    asked = model.requests[1].messages
    assert [message.role for message in asked[2:]] == ["assistant", *["tool"] * len(ways)]
    assert asked[3].text == "error: the moon is closed"
    assert "canary" not in str([message.text for message in asked])
    steps = await (await house.get(Database)).read(lambda tx: steps_of(tx, UUID(turn["id"])))
    assert [step.state for step in sorted(steps, key=lambda step: order.index(step.call_id))] == ["failed"] * 3 + ["done"] * 4
    assert {(str(context.account_id), str(context.session_id), str(context.turn_id)) for context in tool.contexts} == {(ann.id, session_id, turn["id"])}


async def test_a_tool_that_the_agent_may_not_use_is_not_there(open_served: OpenServed) -> None:
    tool = Probe(_act)
    model = ScriptedModel(_calls("{}"), says("done"))
    house = await open_served(model, tools=[tool], settings={"agents.assistant": {"tools": ["calc*"]}})
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    (result,) = [frame.data for frame in await ann.events(turn["id"]) if frame.event == "tool.result"]
    assert "no tool called 'probe'" in result["error"]
    assert tool.contexts == []
    assert [spec.name for spec in model.requests[0].tools] == ["calculator"]


async def test_a_call_that_cannot_be_recorded_is_not_made(open_served: OpenServed) -> None:
    """FM-S5: T2a is committed before the tool is run, or the tool is not run."""
    from dishka import Provider, Scope

    from parlor.turns import StepBook

    class FullBook(StepBook):
        """The disk is full at the very moment a tool is about to be run."""

        async def start(self, *_: Any, **__: Any) -> UUID:
            raise Unavailable("no room")

    tool, provider = Probe(_act), Provider(scope=Scope.APP)
    provider.provide(FullBook, provides=StepBook)
    house = await open_served(ScriptedModel(_calls("{}")), tools=[tool], providers=[provider])
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"]) == ("failed", "storage")
    assert tool.contexts == []
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result"]


class AwayTwice:
    """A database that does not take its second and third write: after T2a, while the tool runs, it goes away for a moment."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.tries = 0

    async def write(self, fn: Any, **options: Any) -> Any:
        self.tries += 1
        if self.tries in (2, 3):
            raise Unavailable("gone for a moment")
        return await self._db.write(fn, **options)


async def test_the_result_of_a_tool_waits_for_a_database_that_is_away(open_served: OpenServed) -> None:
    """FM-S5: what a tool has done cannot be done again, so its result is kept until it can be stored."""
    from dishka import Provider, Scope

    from parlor.turns import StepBook

    away: list[AwayTwice] = []

    def book(db: Database, events: Events) -> StepBook:
        away.append(AwayTwice(db))
        return StepBook(cast("Database", away[0]), events)

    provider = Provider(scope=Scope.APP)
    provider.provide(book)
    tool = Probe(_act)
    house = await open_served(ScriptedModel(_calls('{"how": "echo"}'), says("done")), tools=[tool], providers=[provider])
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session())
    assert turn["state"] == "completed"
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result", "text"]
    (step,) = await (await house.get(Database)).read(lambda tx: steps_of(tx, UUID(turn["id"])))
    assert (step.state, step.outcome, away[0].tries, len(tool.contexts)) == ("done", {"result": {"how": "echo"}}, 4, 1)
