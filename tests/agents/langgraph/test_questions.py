"""Interrupts of graphs as questions of turns."""

from typing import Any

import pytest

from parlor.testing import ScriptedModel, says
from tests.agents.langgraph import graphs
from tests.agents.langgraph.test_executor import calls, graph
from tests.support.chat import Person, answer_of
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine


async def answer(ann: Person, turn: dict[str, Any], question: dict[str, Any], **body: Any) -> None:
    reply = await ann.client.post(f"/turns/{turn['id']}/answers/{question['id']}", json=body)
    assert reply.status_code == 200, reply.text


async def ended(ann: Person, turn: dict[str, Any], *, answered: int = 99) -> tuple[dict[str, Any], str]:
    """The turn once it is over, or has asked more than was `answered`; and the newest message."""
    async with ann.follow(turn["id"]) as reader:
        async for frame in reader.frames():
            answered -= frame.event == "question.asked"
            if answered < 0:
                break
    return await ann.turn(turn["id"]), answer_of((await ann.messages(turn["session_id"]))[-1])


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ({"decision": "approve"}, ["hello"]),
        ({"decision": "edit", "arguments": {"text": "hi"}}, ["hi"]),
        ({"decision": "reject", "reason": "too soon"}, []),
    ],
)
async def test_a_call_that_a_person_must_approve(open_served: OpenServed, body: dict[str, Any], made: list[str]) -> None:
    graphs.published.clear()
    model = ScriptedModel(calls(("c1", "double", '{"number": 1}'), ("c2", "publish", '{"text": "hello"}')), says("Done."), says("Yes."))
    house = await open_served(model, settings=graph("careful"))
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    turn, _ = await ann.ask(session_id)
    (question,) = turn["pending"]
    assert (turn["state"], question["kind"], question["call_id"], question["tool"], question["arguments"]) == (
        "awaiting_input", "approval", "c2", "publish", {"text": "hello"},
    )  # fmt: skip
    assert graphs.published == []
    await answer(ann, turn, question, **body)
    turn, said = await ended(ann, turn)
    assert (turn["state"], said, graphs.published) == ("completed", "Done.", made)
    parts = (await ann.messages(session_id))[-1]["parts"]
    assert sorted(part["call_id"] for part in parts if part["type"] == "tool_result") == ["c1", "c2"]
    if "reason" in body:
        assert "too soon" in next(part.get("error") or part["result"] for part in parts if part["type"] == "tool_result" and part["call_id"] == "c2")
    await ann.ask(session_id, "Published?")
    history = model.requests[-1].messages
    assert [message.role for message in history].count("tool") == 2


async def test_one_question_for_each_call(open_served: OpenServed) -> None:
    graphs.published.clear()
    asked = calls(("c1", "publish", '{"text": "a"}'), ("c2", "publish", '{"text": "b"}'), ("c3", "publish", '{"text": "c"}'))
    house = await open_served(ScriptedModel(asked, says("Done.")), settings=graph("careful_one_by_one"))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    assert sorted(question["call_id"] for question in turn["pending"]) == ["c1", "c2", "c3"]
    for question in turn["pending"]:
        decision = {"c1": {"decision": "approve"}, "c2": {"decision": "reject"}, "c3": {"decision": "edit", "arguments": {"text": "d"}}}[question["call_id"]]
        await answer(ann, turn, question, **decision)
    turn, said = await ended(ann, turn)
    assert (turn["state"], said, graphs.published) == ("completed", "Done.", ["a"]), "an edit that is not allowed is a no"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("asks", {"decision": "approve", "form": {"answer": "Ann"}}, "You said 'Ann'."),
        ("asks", {"decision": "reject"}, "You said None."),
        ("asks_form", {"decision": "approve", "form": {"city": "Oslo", "days": 3}}, "You said {'city': 'Oslo', 'days': 3}."),
    ],
)
async def test_any_other_interrupt_is_a_form(open_served: OpenServed, name: str, body: dict[str, Any], said: str) -> None:
    house = await open_served(ScriptedModel(), settings=graph(name))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    (question,) = turn["pending"]
    assert (question["kind"], question["text"]) == ("form", "What is your name?" if name == "asks" else "Where to?")
    wrong = await ann.client.post(f"/turns/{turn['id']}/answers/{question['id']}", json={"decision": "approve", "form": {"answer": 7, "city": 1}})
    assert wrong.status_code == 422
    await answer(ann, turn, question, **body)
    assert (await ended(ann, turn))[1] == said


async def test_several_interrupts_at_once_are_several_questions(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings=graph("two"))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    numbers = {"left": 1, "right": 2}
    for question in turn["pending"]:
        await answer(ann, turn, question, decision="approve", form={"answer": numbers[question["text"]]})
    assert sorted((await ended(ann, turn))[1].split()) == ["left=1", "right=2"]


@pytest.mark.parametrize("name", ["agent", "tool_node"])
async def test_policies_hold_for_tools_that_a_graph_calls(open_served: OpenServed, name: str) -> None:
    """Two calls wait and one does not: each is run once, however often its node runs."""
    asked = calls(("c1", "calculator", '{"expression": "1+1"}'), ("c2", "current_time", "{}"), ("c3", "calculator", '{"expression": "2+2"}'))
    model = ScriptedModel(asked, says("Done."))
    house = await open_served(model, settings=graph(name, tools=["calculator", "current_time"]) | {"tools.policy": {"calculator": "ask"}})
    ann = await house.person()
    session_id = await ann.new_session(agent="graph")
    turn, _ = await ann.ask(session_id)
    answered = 0
    while turn["pending"]:
        for question in turn["pending"]:
            assert question["kind"] == "approval"
            await answer(ann, turn, question, decision="approve")
            answered += 1
        turn, _ = await ended(ann, turn, answered=answered)
    assert turn["state"] == "completed"
    parts = (await ann.messages(session_id))[-1]["parts"]
    assert sorted((part["type"], part["call_id"]) for part in parts if "call_id" in part) == [
        (kind, call_id) for kind in ("tool_call", "tool_result") for call_id in ("c1", "c2", "c3")
    ]
    results = {message.call_id: message.text for message in model.requests[1].messages if message.role == "tool"}
    assert ('"value":2' in results["c1"], '"value":4' in results["c3"], "error" in results["c2"]) == (True, True, False)


@pytest.mark.parametrize(("decision", "said"), [("approve", "I have heard 1 messages.I have heard 2 messages."), ("reject", "I have heard 1 messages.")])
async def test_a_graph_that_stops_between_two_nodes_asks_whether_to_go_on(open_served: OpenServed, decision: str, said: str) -> None:
    house = await open_served(ScriptedModel(), settings=graph("stops"))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    (question,) = turn["pending"]
    assert question["text"] == "Go on with send?"
    await answer(ann, turn, question, decision=decision, **({"form": {}} if decision == "approve" else {}))
    turn, heard = await ended(ann, turn)
    assert (turn["state"], heard) == ("completed", said)
