"""/chat/analyze: what a model finds in a text, checked against a schema and repaired once, or what rules find where there is no model."""

import asyncio
import json
import time
from typing import Any

import pytest

from bench.fake_model import Script
from parlor.llm.stateless.findings import KINDS, Unusable, findings_in, schema_of
from parlor.llm.stateless.rules import findings_by_rules
from parlor.testing import Barrier, ScriptedModel, says
from tests.llm.stateless.callers import answer, ask, spent
from tests.support.administrators import administrator
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

TEXT = "The room was lovely and the staff were helpful, but breakfast was awful. Could you send the bill to ann@example.com?"
FOUND: dict[str, Any] = {
    "sentiment": {"label": "mixed", "score": 0.2, "confidence": 0.9},
    "topics": [{"name": "hotel", "relevance": 1.0}, {"name": "breakfast", "relevance": 0.6}],
    "summary": {"text": "A pleasant stay with a bad breakfast."},
    "intent": {"label": "request", "confidence": 0.8},
    "entities": [{"text": "ann@example.com", "type": "email"}],
}


def script(text: str, **more: Any) -> Script:
    return Script(texts=(text,), **more)


async def test_each_kind_that_was_asked_for_has_its_field(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", script(json.dumps(FOUND)))
    reply = await answer(ann, "analyze", text=TEXT)
    assert {name: reply.pop(name) for name in FOUND} == FOUND
    usage = reply.pop("usage")
    assert reply == {"model": "main/fake", "charge_micros": usage["input_tokens"] + 3 * usage["output_tokens"], "method": "model", "cached": False}
    assert await spent(ann) == reply["charge_micros"]
    assert (await ann.charges())[0]["explanation"].startswith("analysis: ")
    sent = house.fake.requests[-1].body
    assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": schema_of(KINDS), "strict": True}
    assert sent["messages"][-1] == {"role": "user", "content": TEXT}
    house.fake.script("fake", script(f"Here it is:\n```json\n{json.dumps({'intent': FOUND['intent']}, indent=1)}\n```\n"))
    only = await ann.client.post(f"{house.base_url}/chat/analyze", json={"text": TEXT, "kinds": ["intent", "intent"]})
    assert (only.json()["intent"], set(FOUND) & set(only.json())) == (FOUND["intent"], {"intent"})


async def test_an_answer_that_does_not_follow_the_schema_is_repaired_once_and_both_tries_are_charged(house: ServedHouse) -> None:
    ann = await house.person()
    wrong = {"sentiment": {"label": "cheerful", "score": 7, "confidence": 0.9}}
    house.fake.next(script(json.dumps(wrong)), script(json.dumps({"sentiment": {"label": "Positive ", "score": 1, "confidence": 1}})))
    reply = await answer(ann, "analyze", text=TEXT, kinds=["sentiment"])
    assert reply["sentiment"] == {"label": "positive", "score": 1, "confidence": 1}
    first, second = house.fake.requests
    assert second.body["messages"][:2] == first.body["messages"]
    shown, complaint = second.body["messages"][2:]
    assert (shown["role"], json.loads(shown["content"])) == ("assistant", wrong)
    assert "sentiment.label" in complaint["content"]
    assert "sentiment.score" in complaint["content"]
    charges = [-charge["amount_micros"] for charge in await ann.charges()]
    assert (len(charges), sum(charges)) == (2, reply["charge_micros"])
    assert reply["charge_micros"] == reply["usage"]["input_tokens"] + 3 * reply["usage"]["output_tokens"]


async def test_twice_wrong_is_a_502_that_says_what_it_cost_also_when_it_is_repeated(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", script("I would rather not."))
    refused = await ask(ann, "analyze", key="one", text=TEXT)
    assert (refused.status_code, refused.json()["code"], refused.json()["charge_micros"]) == (502, "llm.unusable_answer", await spent(ann))
    again = await ask(ann, "analyze", key="one", text=TEXT)
    assert (again.status_code, again.json()["charge_micros"], house.fake.count) == (502, await spent(ann), 2)
    house.fake.next(script("no"), Script(status=500))
    before = await spent(ann)
    failed = await ask(ann, "analyze", text=TEXT)
    assert (failed.status_code, failed.json()["charge_micros"]) == (503, await spent(ann) - before)
    assert await spent(ann) > before, "the first try"


async def test_what_makes_no_sense_is_refused(house: ServedHouse) -> None:
    ann, bob, admin = await house.person(), await house.person(), await administrator(house)
    refusals: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"text": " "}, (422, "chat.empty_message")),
        ({"text": "x" * 100_001}, (413, "chat.message_too_long")),
        ({"text": TEXT, "kinds": []}, (422, "request.invalid")),
        ({"text": TEXT, "kinds": ["mood"]}, (422, "request.invalid")),
        ({"text": TEXT, "model": "main/nope"}, (404, "llm.unknown_model")),
        ({"text": TEXT, "user_id": bob.id}, (403, "auth.not_your_user")),
    ]
    for body, expected in refusals:
        response = await ann.client.post("/chat/analyze", json=body)
        assert (response.status_code, response.json()["code"]) == expected, body
    assert house.fake.count == 0
    house.fake.script("fake", script(json.dumps(FOUND)))
    acting = await answer(admin, "analyze", text=TEXT, user_id=bob.id)
    assert (await spent(bob), await spent(admin)) == (acting["charge_micros"], 0)


async def test_a_client_that_leaves_during_the_repair_pays_for_both(open_served: OpenServed) -> None:
    barrier = Barrier()
    model = ScriptedModel(says("no", input_tokens=10, output_tokens=2), [barrier, *says("never")])
    house = await open_served(model)
    ann = await house.person()
    asking = asyncio.create_task(ask(ann, "analyze", text=TEXT))
    await barrier.reached()
    model.closed.clear()
    asking.cancel()
    await asyncio.wait_for(model.closed.wait(), 10)
    assert model.open_streams == 0


async def test_the_built_in_model_says_that_it_is_rules(house: ServedHouse) -> None:
    ann = await house.person()
    reply = await answer(ann, "analyze", text=TEXT, model="offline")
    assert (reply["method"], reply["charge_micros"], reply["model"]) == ("rules", 0, "parlor/offline")
    assert "No language model has read this" in reply["note"]
    assert {kind: reply[kind] for kind in KINDS} == findings_by_rules(TEXT, KINDS)
    assert await spent(ann) == 0


@pytest.mark.parametrize(
    "answer",
    ["", "no", "[]", "null", '"x"', "{}", '{"intent": null}', '{"intent": {"label": "", "confidence": 1}}', '{"intent": {"label": "x", "confidence": NaN}}',
     '{"intent": {"label": "x", "confidence": 1.1}}', '{"intent": {"label": "x"}}', "[" * 100_000, '{"intent": ' * 50_000, "```json\n{\n```"],
)  # fmt: skip
def test_an_answer_that_is_not_what_was_asked_for_is_unusable_and_nothing_worse(answer: str) -> None:
    with pytest.raises(Unusable):
        findings_in(answer, ["intent"])


RULES: list[tuple[str, str, Any]] = [
    ("sentiment", "I love it, it is excellent and fast.", "positive"),
    ("sentiment", "It is not good at all. A terrible waste.", "negative"),
    ("sentiment", "Great food, awful service.", "mixed"),
    ("sentiment", "The meeting is at noon.", "neutral"),
    ("intent", "Hello there!", "greeting"),
    ("intent", "Thank you so much for the quick reply.", "thanks"),
    ("intent", "Please cancel my subscription.", "cancellation"),
    ("intent", "My order arrived broken.", "complaint"),
    ("intent", "Please send me the report.", "request"),
    ("intent", "When does the shop open?", "question"),
    ("intent", "The shop opens at nine.", "statement"),
]


@pytest.mark.parametrize(("kind", "text", "label"), RULES)
def test_the_rules_tell_simple_texts_apart(kind: Any, text: str, label: str) -> None:
    found = findings_by_rules(text, [kind])
    assert found[kind]["label"] == label
    assert findings_in(json.dumps(found), [kind]) == found, "in the shape of a model's"


def test_the_rules_find_topics_entities_and_the_weightiest_sentences() -> None:
    text = (
        "Parlor keeps every turn in a database. A turn is a row in the database with a log of events. Anna Smith wrote to Bob on 3 May 2026 about it. "
        "She paid $1,200.50, which is 15% of the budget. See https://example.com/turns or write to anna@example.com."
    )
    found = findings_by_rules(text, KINDS)
    assert {topic["name"] for topic in found["topics"][:2]} == {"turn", "database"}
    entities = {(each["text"], each["type"]) for each in found["entities"]}
    expected = {("3 May 2026", "date"), ("$1,200.50", "money"), ("15%", "percentage"), ("https://example.com/turns", "url"), ("anna@example.com", "email")}
    assert expected | {("Anna Smith", "name"), ("Bob", "name")} <= entities
    assert all(sentence in text for sentence in found["summary"]["text"].split(". "))
    assert findings_in(json.dumps(found), KINDS) == found


@pytest.mark.parametrize("text", ["x" * 100_000, "a.b@" * 25_000, "A" * 50_000 + " b" * 25_000, "1,1.1" * 20_000, "please " * 14_000, "A'a " * 25_000])
def test_no_text_holds_up_the_rules(text: str) -> None:
    began = time.process_time()
    findings_by_rules(text, KINDS)
    assert time.process_time() - began < 2
