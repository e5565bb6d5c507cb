"""Graphs in turns: what streams, what is remembered, and how one that goes wrong ends."""

import asyncio
import os
from typing import Any
from uuid import UUID

import pytest

from parlor.agents.langgraph import queries
from parlor.core.db import Database
from parlor.llm import Finished, ModelFailed, TextDelta, ToolCallDelta
from parlor.testing import ScriptedModel, says
from tests.agents.langgraph.graphs import BLOCKED, PLACE
from tests.support.chat import answer_of
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine


def graph(name: str, **more: Any) -> dict[str, Any]:
    return {"agents.graph": {"kind": "langgraph", "graph": f"{PLACE}:{name}", "system_prompt": "Be a graph.", **more}}


def calls(*made: tuple[str, str, str]) -> list[Any]:
    """`(id, tool, arguments)` each, as a model asks for them."""
    return [*(ToolCallDelta(at, call_id, name, arguments) for at, (call_id, name, arguments) in enumerate(made)), Finished(reason="tool_calls")]


async def test_an_agent_of_langchain_works_without_glue(open_served: OpenServed) -> None:
    model = ScriptedModel(
        [TextDelta(text="Let me "), TextDelta(text="see. "), *calls(("c1", "double", '{"number": 21}'))], says("It is 42."), says("As I said.")
    )
    house = await open_served(model, settings=graph("plain"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    turn, answer = await ann.ask(session_id, "Twice 21?")
    assert (turn["state"], answer_of(answer)) == ("completed", "Let me see. It is 42.")
    assert [part["type"] for part in answer["parts"]] == ["text", "tool_call", "tool_result", "text"]
    assert [frame.data["text"] for frame in await ann.events(turn["id"]) if frame.event == "text.delta"] == ["Let me ", "see. ", "It ", "is ", "42."]
    assert (answer["parts"][1]["arguments"], answer["parts"][2]["result"]) == ({"number": 21}, "42")
    assert turn["charge_micros"] > 0
    await ann.ask(session_id, "Sure?")
    roles = [message.role for message in model.requests[-1].messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert model.requests[0].tools[0].name == "double"


async def test_what_a_node_says_by_hand_is_said(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("by_hand"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    assert [answer_of((await ann.ask(session_id))[1]) for _ in range(2)] == ["I have heard 1 messages.", "I have heard 3 messages."]


@pytest.mark.parametrize("name", ["unbuilt", "made"])
async def test_a_graph_may_be_unbuilt_or_made_by_a_function(open_served: OpenServed, name: str) -> None:
    house = await open_served(ScriptedModel(), settings=graph(name))
    ann = await house.person()
    _, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert answer_of(answer) == "I have heard 1 messages."


async def test_another_branch_begins_a_new_thread_from_the_conversation(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("by_hand"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    _, first = await ann.ask(session_id, "one")
    _, second = await ann.ask(session_id, "two")
    again = await ann.client.post(f"/sessions/{session_id}/regenerate", params={"wait": "true"}, json={"message_id": second["id"]})
    assert answer_of(again.json()["message"]) == "I have heard 3 messages."
    _, edited = await ann.ask(session_id, "instead", parent_id=first["id"])
    assert answer_of(edited) == "I have heard 3 messages."
    _, fresh = await ann.ask(session_id, "anew", parent_id=None)
    assert answer_of(fresh) == "I have heard 1 messages."


async def test_nodes_that_are_plain_functions_may_ask_the_model(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(says("Not in the loop.")), settings=graph("sync"))
    ann = await house.person()
    _, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert answer_of(answer) == "Not in the loop."


async def test_quiet_calls_and_other_models_are_paid_for_and_not_heard(open_served: OpenServed) -> None:
    model, other = ScriptedModel(says("hm"), says("loud")), ScriptedModel(says("hum"), name="test/other")
    house = await open_served(model, other, settings=graph("quiet"))
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert (answer_of(answer), turn["charge_micros"]) == ("loud", 33)
    assert model.requests[-1].messages[0].text == "hm+hum"
    assert other.requests[0].max_output_tokens == 4096


async def test_a_structured_answer_is_no_part_of_what_is_said(open_served: OpenServed) -> None:
    model = ScriptedModel(says('{"is_fine": true}'))
    house = await open_served(model, settings=graph("structured"))
    ann = await house.person()
    _, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert answer_of(answer) == "fine: True"
    assert "is_fine" in (model.requests[0].response_schema or {})["properties"]


async def test_parlors_tools_are_called_through_the_gate(open_served: OpenServed) -> None:
    model = ScriptedModel(calls(("c", "calculator", '{"expression": "2*3"}'), ("c", "calculator", '{"expression": "1/0"}')), says("6"))
    house = await open_served(model, settings=graph("agent", tools=["calculator"]))
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert answer_of(answer) == "6"
    assert [(part["type"], part.get("call_id")) for part in answer["parts"]][:4] == [
        ("tool_call", "c"), ("tool_call", "c_2"), ("tool_result", "c"), ("tool_result", "c_2"),
    ]  # fmt: skip
    told = [frame.event for frame in await ann.events(turn["id"]) if frame.event.startswith("tool.")]
    assert told == ["tool.called", "tool.called", "tool.result", "tool.result"]
    assert [message.role for message in model.requests[1].messages] == ["system", "user", "assistant", "tool", "tool"]


async def test_a_graph_knows_for_whom_it_runs(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("who", tools=["calculator"]))
    ann = await house.person()
    _, answer = await ann.ask(await ann.new_session(agent="graph"))
    assert answer_of(answer) == "graph: Be a graph. ['calculator']"


@pytest.mark.parametrize(("name", "reason"), [("breaks", "internal"), ("endless", "limit_steps")])
async def test_a_graph_that_goes_wrong_ends_its_own_turn(open_served: OpenServed, name: str, reason: str) -> None:
    house = await open_served(ScriptedModel(says("fine")), settings=graph(name))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    turn, _ = await ann.ask(session_id)
    assert (turn["state"], turn["reason"]) == ("failed", reason)
    turn, _ = await ann.ask(session_id, agent="assistant")
    assert turn["state"] == "completed"


async def test_graphs_that_block_hold_up_their_own_turns_alone(open_served: OpenServed) -> None:
    """More of them than threads that asyncio has for everybody; and what they do later is no part of a turn that is over."""
    count = (os.cpu_count() or 1) + 6
    model = ScriptedModel(says("fine"))
    house = await open_served(model, settings=graph("blocks", limits={"wall_seconds": 0.5}))
    ann = await house.person()
    try:
        sessions = [await ann.new_session(agent="graph") for _ in range(count)]
        turns = await asyncio.gather(*(ann.ask(session_id) for session_id in sessions))
        assert {(turn["state"], turn["reason"], turn["charge_micros"]) for turn, _ in turns} == {("failed", "limit_time", 0)}
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "free") == "free"
        turn, answer = await ann.ask(sessions[0], agent="assistant")
        assert (turn["state"], answer_of(answer)) == ("completed", "fine")
    finally:
        BLOCKED.gate.set()
    assert await asyncio.to_thread(lambda: all(BLOCKED.left.acquire(timeout=10) for _ in range(count)))
    assert (BLOCKED.met, len(model.requests)) == (["RunOver"] * count, 1)


async def test_a_graph_that_is_stopped_ends_with_what_it_has_said(open_served: OpenServed) -> None:
    model = ScriptedModel([TextDelta("so far"), asyncio.Event()])
    house = await open_served(model, settings=graph("agent"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    async with ann.stream(session_id) as reader:
        await reader.until("text.delta")
        assert (await ann.client.post(f"/turns/{reader.turn_id}/stop")).status_code == 200
        await reader.rest()
    assert [(answer_of(message), message["status"]) for message in (await ann.messages(session_id))[1:]] == [("so far", "stopped")]
    assert (await ann.wallet())["held_micros"] == model.open_streams == 0


async def test_a_graph_that_never_ends_is_out_of_time(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("waits", limits={"wall_seconds": 0.2}))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    assert (turn["state"], turn["reason"]) == ("failed", "limit_time")


@pytest.mark.parametrize(
    ("name", "limits", "reply", "reason"),
    [
        ("swallows", {}, [ModelFailed("provider_unreachable", "gone")], "provider_unreachable"),
        ("swallows", {"steps": 1}, says("no"), "limit_steps"),
        ("stubborn", {"steps": 2}, says("no"), "limit_steps"),
        ("stubborn", {"credits_micros": 30}, says("no"), "limit_credits"),
    ],
)
async def test_limits_and_failures_of_models_end_the_turn_with_their_own_reason(
    open_served: OpenServed, name: str, limits: dict[str, Any], reply: Any, reason: str
) -> None:
    house = await open_served(ScriptedModel(*[reply] * 20), settings=graph(name, limits=limits))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    assert (turn["state"], turn["reason"]) == ("failed", reason)


async def test_what_a_graph_remembers_goes_with_its_session(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("by_hand"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    await ann.ask(session_id)
    db, owner = await house.get(Database), UUID(ann.id)
    assert len(await db.read(lambda tx: queries.threads_of(tx, owner, None, 10))) == 1
    assert (await ann.client.delete(f"/sessions/{session_id}")).status_code == 204
    assert await db.read(lambda tx: queries.threads_of(tx, owner, None, 10)) == []
