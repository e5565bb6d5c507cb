"""One call, one answer: with a session or without, with tools, questions and failures, and never twice with one key."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.accounts import Administration
from parlor.chat.asking.errors import FAILURES, failure_of
from parlor.core.errors import rule_for
from parlor.turns import Reason
from tests.support.chat import STREAM, Person, answer_of, client_of, frames_of, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

SUM = FakeToolCall(name="calculator", arguments='{"expression": "6*7"}')
MISSING = "01890000-0000-7000-8000-000000000000"


async def _call(person: Person, path: str, *, key: str | None = None, status: int = 200, **body: Any) -> dict[str, Any]:
    reply = await person.client.post(path, json={"message": "What is 6*7?", **body}, headers={} if key is None else {"Idempotency-Key": key})
    assert reply.status_code == status, reply.text
    return reply.json()


async def test_a_question_without_a_session_makes_one_and_goes_on_in_it(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.next(Script(tool_calls=(SUM,)), Script(texts=("It is 42.",)))
    first = await _call(ann, "/chat", agent_name="assistant")
    assert (first["response"], first["state"], first["agent_name"], first["model"]) == ("It is 42.", "completed", "assistant", "main/fake")
    assert (first["tool_name"], first["tool_input"]) == ("calculator", {"expression": "6*7"})
    assert first["usage"]["output_tokens"] > 0
    assert "steps" not in first
    second = await _call(ann, "/chat", session_id=first["session_id"], message="Thanks.")
    assert (second["session_id"], second["tool_name"], second["tool_input"]) == (first["session_id"], None, None)
    session = await ann.session(first["session_id"])
    assert (session["agent"], session["title"]) == ("assistant", "What is 6*7?")
    messages = await ann.messages(first["session_id"])
    assert [answer_of(each) for each in messages][:2] == ["What is 6*7?", "It is 42."]
    assert -sum(entry["amount_micros"] for entry in await ann.charges()) == first["charge_micros"] + second["charge_micros"]


async def test_an_agent_is_invoked_with_every_step(house: ServedHouse) -> None:
    ann = await house.person()
    broken = FakeToolCall(name="nothing_such", arguments="{}")
    house.fake.next(Script(tool_calls=(SUM, broken)), Script(texts=("42",)))
    reply = await _call(ann, "/agent/invoke", agent="assistant")
    assert [(step["tool"], step["arguments"]) for step in reply["steps"]] == [("calculator", {"expression": "6*7"}), ("nothing_such", {})]
    assert reply["steps"][0]["result"] == {"expression": "6*7", "value": 42}
    assert reply["steps"][0]["error"] is None
    assert reply["steps"][1]["error"]
    assert reply["tool_name"] == "calculator"


@pytest.mark.either_engine
async def test_a_stream_names_its_turn_and_its_session(house: ServedHouse) -> None:
    ann = await house.person()
    body = {"message": "Hello?", "agent": "assistant"}
    replies = [await ann.client.post("/agent/stream", json=body, headers={**STREAM, "Idempotency-Key": "s-1"}) for _ in range(2)]
    assert [reply.headers.get("idempotency-replayed") for reply in replies] == [None, "true"]
    assert replies[0].content == replies[1].content
    frames = frames_of(replies[0].content)
    assert (frames[0].event, frames[-1].event) == ("turn.started", "turn.completed")
    assert (frames[0].data["session_id"], frames[0].data["turn_id"]) == (replies[0].headers["x-session-id"], replies[0].headers["x-turn-id"])
    assert text_of(frames) == answer_of((await ann.messages(replies[0].headers["x-session-id"]))[1])
    refused = await ann.client.post("/agent/stream", json=body, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (406, "request.not_acceptable")


async def test_one_key_is_one_turn_in_one_session_however_many_ask(house: ServedHouse) -> None:
    ann = await house.person()
    replies = await asyncio.gather(*(_call(ann, "/chat", key="k-1") for _ in range(8)))
    assert len({(reply["turn_id"], reply["session_id"], reply["response"]) for reply in replies}) == 1
    assert house.fake.count == 1
    assert len((await ann.client.get("/sessions")).json()["items"]) == 1, "the sessions of those who came second are gone"
    mismatch = await _call(ann, "/chat", key="k-1", message="Other", status=422)
    assert mismatch["code"] == "idempotency.mismatch"
    assert (await _call(ann, "/agent/invoke", key="k-1", status=422))["code"] == "idempotency.mismatch"
    assert len((await ann.client.get("/sessions")).json()["items"]) == 1


@pytest.mark.either_engine
async def test_what_is_refused_leaves_no_session(open_served: OpenServed) -> None:
    house = await open_served(settings={"wallet.initial_bonus_micros": 1})
    ann = await house.person()
    for body, status, code in (
        ({"session_id": MISSING}, 404, "chat.no_such_session"),
        ({"agent_name": "nobody"}, 404, "agents.unknown_agent"),
        ({"model": "no/such"}, 404, "llm.unknown_model"),
        ({"message": " \u200b"}, 422, "chat.empty_message"),
        ({"unknown": 1}, 422, "request.invalid"),
        ({}, 402, "wallet.insufficient_funds"),
    ):
        assert (await _call(ann, "/chat", status=status, **body))["code"] == code
    assert (await ann.client.get("/sessions")).json()["items"] == []


@pytest.mark.either_engine
async def test_user_id_is_ones_own_or_somebody_elses_for_administrators(house: ServedHouse) -> None:
    ann, bob, root = await house.person(), await house.person(), await house.person()
    await (await house.get(Administration)).promote(root.email)
    assert (await _call(ann, "/chat", user_id=ann.id))["state"] == "completed"
    assert (await _call(ann, "/agent/invoke", user_id=bob.id, status=403))["code"] == "auth.not_your_user"
    reply = await root.client.post("/auth/login", json={"login": root.email, "password": "a quiet river in may"})
    async with client_of(house.base_url, reply.json()["access_token"]) as client:
        made = (await client.post("/chat", json={"message": "For Bob", "user_id": bob.id})).json()
    assert [item["id"] for item in (await bob.client.get("/sessions")).json()["items"]] == [made["session_id"]]
    assert len(await bob.charges()) == 1


class Mailer:
    name = "mail_send"
    description = "Sends a mail."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}}}

    async def call(self, arguments: Mapping[str, Any], context: Any) -> Any:
        return {"sent": arguments["to"]}


@pytest.mark.either_engine
async def test_a_turn_that_waits_for_a_person_answers_with_its_question(open_served: OpenServed) -> None:
    house = await open_served(tools=[Mailer()], settings={"tools.policy": {"mail_*": "ask"}})
    ann = await house.person()
    mail = FakeToolCall(name="mail_send", arguments='{"to": "bob"}')
    house.fake.next(Script(tool_calls=(SUM, mail)), Script(texts=("Sent.",)))
    waiting = await _call(ann, "/agent/invoke", key="q-1")
    assert (waiting["state"], waiting["usage"]) == ("awaiting_input", None)
    (question,) = waiting["pending"]
    assert (question["tool"], question["arguments"]) == ("mail_send", {"to": "bob"})
    assert [(step["tool"], step["result"], step["error"]) for step in waiting["steps"]] == [
        ("calculator", {"expression": "6*7", "value": 42}, None),
        ("mail_send", None, None),
    ]
    answer = {"decision": "edit", "arguments": {"to": "eve"}}
    assert (await ann.client.post(f"/turns/{waiting['turn_id']}/answers/{question['id']}", json=answer)).status_code == 200
    await ann.replay(waiting["turn_id"])
    done = await _call(ann, "/agent/invoke", key="q-1")
    assert (done["state"], done["response"], done["pending"]) == ("completed", "Sent.", [])
    assert (done["steps"][1]["arguments"], done["steps"][1]["result"]) == ({"to": "eve"}, {"sent": "eve"})


@pytest.mark.either_engine
async def test_a_turn_that_failed_is_a_problem_with_its_reason(open_served: OpenServed) -> None:
    house = await open_served(settings={"agents.assistant": {"limits": {"steps": 1}, "tools": ["*"]}})
    ann = await house.person()
    house.fake.next(Script(tool_calls=(SUM,)))
    problem = await _call(ann, "/chat", status=409)
    assert (problem["code"], problem["reason"]) == ("turn.limit_steps", "limit_steps")
    assert (await ann.turn(problem["turn_id"]))["session_id"] == problem["session_id"]
    house.fake.script("fake", Script(status=400))
    failed = await _call(ann, "/agent/invoke", status=502)
    assert failed["code"] == "turn.provider_error"
    assert failed["detail"] != "Something went wrong on our side."


@pytest.mark.either_engine
async def test_what_was_stopped_is_answered_with_what_there_is(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(chunks=2000, pace_seconds=0.01))
    session_id = await ann.new_session()
    asked = asyncio.create_task(_call(ann, "/chat", session_id=session_id))
    while (turn_id := (await ann.session(session_id))["running_turn_id"]) is None:
        pass
    async with ann.follow(turn_id) as reader:
        await reader.until("text.delta", 2)
    await ann.stop(turn_id)
    reply = await asked
    assert (reply["state"], reply["reason"]) == ("stopped", "stopped_by_user")
    assert reply["response"].startswith("w0 w1")


def test_every_reason_has_a_status_and_a_code_of_its_own() -> None:
    statuses = {reason.value: rule_for(failure_of(reason)).status for reason in Reason if reason is not Reason.STOPPED_BY_USER}
    assert {statuses[name] for name in ("provider_unreachable", "server_restart", "internal")} == {503}
    assert (statuses["credits_exhausted"], statuses["storage"], statuses["question_expired"], statuses["content_filter"]) == (402, 507, 409, 502)
    assert {status for name, status in statuses.items() if name.startswith("limit_")} == {409}, "the agent's own limits are nobody else's failure"
    assert len({kind.code for kind in FAILURES}) == len(FAILURES)


@pytest.mark.either_engine
async def test_the_paths_of_the_systems_before_answer_too(house: ServedHouse) -> None:
    ann = await house.person()
    root = house.base_url
    for path in ("/chat", "/agent/invoke", "/agent/stream"):
        assert (await ann.client.post(root + path, json={"message": "Hello?"})).status_code == 200, path
