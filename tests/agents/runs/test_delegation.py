"""Agents that ask agents: one turn, one bill, and people who are asked from further down."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from parlor.llm import Finished, ModelFailed, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.testing import ScriptedModel, says
from parlor.tools import ExecutionContext
from tests.support.chat import Person, answer_of
from tests.support.history import complaints_about
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed
from tests.support.wire import wire_of

pytestmark = pytest.mark.either_engine

BOSS = {"system_prompt": "You lead.", "tools": ["calculator"], "agents": ["helper"]}
HELPER = {"title": "Helper", "description": "Knows things.", "system_prompt": "You help.", "tools": ["calculator", "mail_send"]}
AGENTS: dict[str, Any] = {"agents.assistant": BOSS, "agents.helper": HELPER}


class Mailer:
    name, description = "mail_send", "Sends a mail."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.agents: list[str | None] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        self.sent.append(arguments)
        return {"sent": arguments["to"]}


def calls(*called: tuple[str, str], usage: tuple[int, int] = (100, 20)) -> list[Any]:
    deltas = [ToolCallDelta(at, f"call_{at}", name, arguments) for at, (name, arguments) in enumerate(called)]
    return [*deltas, UsageSeen(Usage(*usage)), Finished("tool_calls")]


ASKS = calls(("agent_helper", '{"message": "What is 2+2?"}'))
COMPUTES = calls(("calculator", '{"expression": "2+2"}'), usage=(30, 5))


async def _asked(house: ServedHouse) -> tuple[Person, str, dict[str, Any], dict[str, Any]]:
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    return ann, session_id, turn, answer


async def test_an_agent_asks_another_and_pays_for_it_in_the_same_turn(open_served: OpenServed) -> None:
    model = ScriptedModel(ASKS, COMPUTES, says("It is 4.", input_tokens=40, output_tokens=3), says("Four!", input_tokens=200, output_tokens=2))
    house = await open_served(model, settings=AGENTS)
    ann, session_id, turn, answer = await _asked(house)
    assert (turn["state"], answer_of(answer)) == ("completed", "Four!")
    assert turn["charge_micros"] == 100 + 20 + 30 + 5 + 40 + 3 + 200 + 2
    assert turn["usage"]["input_tokens"] == 100 + 30 + 40 + 200
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result", "text"]
    assert answer["parts"][1]["result"] == "It is 4."

    first, nested, _, last = model.requests
    assert [tool.name for tool in first.tools] == ["calculator", "agent_helper"]
    assert first.tools[1].description == "Ask the agent Helper: Knows things."
    assert [(each.role, each.text) for each in nested.messages] == [("system", "You help."), ("user", "What is 2+2?")]
    assert complaints_about(wire_of(last.messages)) == []

    events = await ann.events(turn["id"])
    told = [(each.event, each.data.get("call_id"), each.data.get("message")) for each in events if each.event.startswith("tool")]
    assert told == [("tool.called", "call_0", None), ("tool.progress", "call_0", "calculator"), ("tool.result", "call_0", None)]
    assert [each.data["purpose"] for each in events if each.event == "model.asked"] == ["helper", "helper"]
    assert [each.data["output_tokens"] for each in events if each.event == "usage"] == [20, 30], "the sum of all that was used so far"
    assert [message["role"] for message in await ann.messages(session_id)] == ["user", "assistant"]


class Meets(ScriptedModel):
    """Answers only when two ask at once."""

    def stream(self, request: Any) -> Any:
        return self._met(super().stream(request))

    @asynccontextmanager
    async def _met(self, stream: Any) -> AsyncGenerator[Any]:
        self.both = getattr(self, "both", asyncio.Barrier(2))
        await self.both.wait()
        async with stream as events:
            yield events


async def test_agents_that_are_asked_at_once_are_all_held_for_and_all_paid(open_served: OpenServed) -> None:
    """The hold covers the most that all calls of now may cost: each of these writes as much as it may."""
    asks = calls(("agent_helper", '{"message": "One?"}'), ("agent_helper", '{"message": "Two?"}'))
    longest, ends = says("long", input_tokens=1, output_tokens=4096), [TextDelta("so far"), asyncio.Event()]
    model, helpers = ScriptedModel(asks, ends), Meets(longest, longest, name="test/helper")
    house = await open_served(model, helpers, settings={**AGENTS, "agents.helper": {**HELPER, "tools": [], "model": "test/helper"}})
    ann = await house.person()
    async with ann.stream(await ann.new_session()) as reader:
        await reader.until("model.answered", at_least=2)
        held_micros = (await ann.wallet())["held_micros"]
        await ann.client.post(f"/turns/{reader.turn_id}/stop")
        await reader.rest()
    spent_micros = 100 + 20 + 2 * (1 + 4096)
    assert held_micros >= spent_micros
    turn = await ann.turn(reader.turn_id)
    assert (turn["state"], turn["charge_micros"] >= spent_micros) == ("stopped", True)
    assert [each.data["call"] for each in await ann.events(turn["id"]) if each.event == "model.asked"] == [1, 2]


async def test_what_an_asked_agent_needs_from_a_person_is_asked_once_and_gone_on_from_there(open_served: OpenServed) -> None:
    mailer = Mailer()
    writes = calls(("mail_send", '{"to": "bob"}'), ("calculator", '{"expression": "1+1"}'), usage=(30, 5))
    model = ScriptedModel(ASKS, writes, says("Sent.", input_tokens=1, output_tokens=1), says("Done.", input_tokens=1, output_tokens=1))
    house = await open_served(model, tools=[mailer], settings={**AGENTS, "tools.policy": {"mail_*": "ask"}})
    ann, session_id, turn, _ = await _asked(house)
    assert turn["state"] == "awaiting_input"
    (question,) = turn["pending"]
    assert (question["tool"], question["arguments"], mailer.sent) == ("mail_send", {"to": "bob"}, [])
    assert (await ann.wallet())["held_micros"] == 100 + 20 + 30 + 5
    reply = await ann.client.post(f"/turns/{turn['id']}/answers/{question['id']}", json={"decision": "approve"})
    assert reply.status_code == 200, reply.text
    await ann.replay(turn["id"])
    turn, answer = await ann.turn(turn["id"]), (await ann.messages(session_id))[-1]
    assert (turn["state"], answer_of(answer), mailer.sent) == ("completed", "Done.", [{"to": "bob"}])
    assert turn["charge_micros"] == 100 + 20 + 30 + 5 + 2 + 2
    assert [message.text for message in model.requests[2].messages[3:]] == ['{"expression":"1+1","value":2}', '{"sent":"bob"}']
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result", "text"]
    for request in model.requests:
        assert complaints_about(wire_of(request.messages)) == []


async def test_a_turn_that_ends_while_an_asked_agent_waits_leaves_a_session_that_goes_on(open_served: OpenServed) -> None:
    model = ScriptedModel(ASKS, calls(("mail_send", '{"to": "bob"}')), says("Hello."))
    house = await open_served(model, tools=[Mailer()], settings={**AGENTS, "tools.policy": {"mail_*": "ask"}})
    ann, session_id, turn, _ = await _asked(house)
    assert (await ann.client.post(f"/turns/{turn['id']}/stop")).status_code == 200
    assert (await ann.ask(session_id))[0]["state"] == "completed"
    assert complaints_about(wire_of(model.requests[-1].messages)) == []
    assert (await ann.wallet())["held_micros"] == 0


@pytest.mark.parametrize(
    ("helper", "replies", "error"),
    [
        ({"limits": {"steps": 1}}, [COMPUTES], "The agent took as many steps as it may and was not done."),
        ({"limits": {"tokens": 20}}, [], "The agent used as many tokens as it may and was not done."),
        ({}, [[ModelFailed("provider_error", "canary", accepted=True)]], "the model of the agent 'helper' did not answer"),
        ({"limits": {"wall_seconds": 1e-6}}, [], "The agent took longer than it may."),
        ({"limits": {"wall_seconds": 0.01}}, [[asyncio.Event()]], "The agent took longer than it may."),
        ({"model": "test/unknown"}, [], "the model of the agent 'helper' may not be used here"),
        ({}, [[Finished("content_filter")]], "the agent could not answer this"),
    ],
)
async def test_what_goes_wrong_with_an_asked_agent_is_the_result_of_the_call(
    open_served: OpenServed, helper: dict[str, Any], replies: list[Any], error: str
) -> None:
    model, helpers = ScriptedModel(ASKS, says("Never mind.")), ScriptedModel(*replies, name="test/helper")
    house = await open_served(model, helpers, settings={**AGENTS, "agents.helper": {**HELPER, "model": "test/helper", **helper}})
    ann, _, turn, answer = await _asked(house)
    assert (turn["state"], answer_of(answer)) == ("completed", "Never mind.")
    assert answer["parts"][1]["error"] == error
    assert (await ann.wallet())["held_micros"] == 0


async def test_agents_ask_only_as_deep_as_the_first_of_them_allows(open_served: OpenServed) -> None:
    a, b = {**HELPER, "agents": ["*"]}, {**BOSS, "agents": ["*"], "limits": {"depth": 1}}
    model = ScriptedModel(ASKS, says("no deeper"), says("ok"))
    house = await open_served(model, settings={"agents.assistant": b, "agents.helper": a, "agents.third": HELPER})
    await _asked(house)
    assert [[tool.name for tool in request.tools if tool.name.startswith("agent_")] for request in model.requests] == [
        ["agent_helper", "agent_third"],
        [],
        ["agent_helper", "agent_third"],
    ]


async def test_the_limits_of_the_first_agent_hold_for_all(open_served: OpenServed) -> None:
    """SEC-22."""
    model = ScriptedModel(ASKS, COMPUTES, says("unreached"))
    house = await open_served(model, settings={**AGENTS, "agents.assistant": {**BOSS, "limits": {"tokens": 250}}})
    ann, session_id, turn, answer = await _asked(house)
    assert (turn["state"], turn["reason"]) == ("failed", "limit_tokens")
    assert turn["charge_micros"] <= 250
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result"]
    assert (await ann.wallet())["held_micros"] == 0
    assert session_id


async def test_a_policy_may_ask_before_an_agent_is_asked(open_served: OpenServed) -> None:
    model = ScriptedModel(ASKS, says("It is 4."), says("Four."))
    house = await open_served(model, settings={**AGENTS, "tools.policy": {"agent_*": "ask"}})
    ann, session_id, turn, _ = await _asked(house)
    (question,) = turn["pending"]
    assert (question["tool"], question["arguments"]) == ("agent_helper", {"message": "What is 2+2?"})
    await ann.client.post(f"/turns/{turn['id']}/answers/{question['id']}", json={"decision": "edit", "arguments": {"message": "What is 3+1?"}})
    await ann.replay(turn["id"])
    assert answer_of((await ann.messages(session_id))[-1]) == "Four."
    assert model.requests[1].messages[-1].text == "What is 3+1?"
