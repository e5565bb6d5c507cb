"""What a message wants, over what its sender may use: checked, paid for by them, and never a name that is none of their business."""

import json
from typing import Any

import pytest

from bench.fake_model import Script
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

MESSAGE = "Please compute 6*7 for Ann Berg by 2026-12-01."
FOUND = {
    "intent": "calculation",
    "confidence": 0.9,
    "entities": [{"text": "Ann Berg", "type": "person"}],
    "suggested_agent": "assistant",
    "suggested_tools": ["calculator", "calculator", "no_such_tool"],
}


async def _told(person: Person, *, key: str | None = None, status: int = 200, **body: Any) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    reply = await person.client.post("/agent/analyze-intent", json={"message": MESSAGE, **body}, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json()


async def test_an_intent_names_only_what_there_is_and_is_paid_for_once(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(texts=(f"```json\n{json.dumps(FOUND)}\n```",), usage={"prompt_tokens": 100, "completion_tokens": 10}))
    told = await _told(ann, key="i-1")
    assert (told["intent"], told["confidence"], told["entities"]) == ("calculation", 0.9, FOUND["entities"])
    assert (told["suggested_agent"], told["suggested_tools"]) == ("assistant", ["calculator"])
    assert (told["model"], told["charge_micros"], told["method"]) == ("main/fake", 130, "model")
    assert await _told(ann, key="i-1") == told
    assert [entry["amount_micros"] for entry in await ann.charges()] == [-130]
    assert house.fake.count == 1
    assert (await ann.client.get("/sessions")).json()["items"] == []
    prompt = house.fake.requests[0].body["messages"][0]["content"]
    assert "- assistant: " in prompt
    assert "- calculator: " in prompt


@pytest.mark.either_engine
async def test_agents_of_others_are_neither_told_to_the_model_nor_suggested(open_served: OpenServed) -> None:
    house = await open_served(settings={"agents.boss": {"description": "Knows salaries", "groups": ["staff"]}})
    ann = await house.person()
    house.fake.script("fake", Script(texts=(json.dumps({**FOUND, "suggested_agent": "boss", "suggested_tools": []}),)))
    told = await _told(ann)
    assert (told["suggested_agent"], told["suggested_tools"]) == (None, [])
    assert "boss" not in json.dumps(house.fake.requests[0].body)


@pytest.mark.either_engine
async def test_an_answer_that_cannot_be_used_is_asked_for_once_more_and_both_are_paid(house: ServedHouse) -> None:
    ann = await house.person()
    usage = {"prompt_tokens": 10, "completion_tokens": 10}
    nested = {"intent": {"label": "sum", "confidence": 0.5}, "suggested_agent": ""}
    house.fake.next(Script(texts=("I think so.",), usage=usage), Script(texts=(json.dumps(nested),), usage=usage))
    told = await _told(ann)
    assert (told["intent"], told["confidence"], told["entities"], told["suggested_agent"], told["charge_micros"]) == ("sum", 0.5, [], None, 80)
    house.fake.script("fake", Script(texts=('{"intent": "x", "confidence": 7}',), usage=usage))
    problem = await _told(ann, status=502)
    assert (problem["code"], problem["charge_micros"]) == ("llm.unusable_answer", 80)


@pytest.mark.either_engine
async def test_the_built_in_model_goes_by_words(house: ServedHouse) -> None:
    ann = await house.person()
    told = await _told(ann, message="Please use the calculator for 6*7.", model="parlor/offline")
    assert (told["intent"], told["method"], told["charge_micros"]) == ("request", "rules", 0)
    assert told["suggested_tools"][0] == "calculator"
    assert told["suggested_agent"] in (None, "assistant")
    assert (await _told(ann, message=" ", status=422))["code"] == "chat.empty_message"
    assert (await _told(ann, model="no/such", status=404))["code"] == "llm.unknown_model"
    bob = await house.person()
    assert (await _told(ann, user_id=bob.id, status=403))["code"] == "auth.not_your_user"
