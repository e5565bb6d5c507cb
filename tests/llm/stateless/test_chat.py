"""/chat/message and /chat/conversation: one question, one answer, one charge, and nothing else that stays."""

from typing import Any

import pytest
from sqlalchemy import text

from bench.fake_model import Script
from parlor.core.db import Database, statement
from parlor.core.ids import new_id
from tests.llm.stateless.callers import HELLO, answer, ask, opened, spent, streamed
from tests.support.administrators import administrator
from tests.support.chat import text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Are you there?"},
]


async def test_an_answer_says_what_it_cost_and_that_is_what_was_charged(house: ServedHouse) -> None:
    ann = await house.person()
    reply = await answer(ann, message="Hello?", system="Be brief.", params={"temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "stop": ["END"]})
    usage = reply["usage"]
    assert reply == {
        "response": Script().answer,
        "model": "main/fake",
        "usage": {"input_tokens": usage["input_tokens"], "output_tokens": 8, "cached_tokens": 0, "reasoning_tokens": 0},
        "charge_micros": usage["input_tokens"] + 3 * 8,
        "finish_reason": "stop",
        "cached": False,
    }
    sent = house.fake.requests[-1].body
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["stop"]) == (0.5, 0.9, 50, ["END"])
    (charge,) = await ann.charges()
    assert (-charge["amount_micros"], charge["model"], charge["turn_id"]) == (reply["charge_micros"], "main/fake", None)
    assert charge["explanation"].startswith("chat: ")
    assert await spent(ann) == reply["charge_micros"]


async def test_a_conversation_is_sent_as_it_is_and_answers_at_the_root_as_well(house: ServedHouse) -> None:
    ann = await house.person()
    assert (await answer(ann, "conversation", messages=TALK))["response"] == Script().answer
    assert house.fake.requests[-1].body["messages"] == TALK
    for path in ("message", "conversation"):
        body = HELLO if path == "message" else {"messages": TALK}
        aliased = await ann.client.post(f"{house.base_url}/chat/{path}", json=body)
        assert (aliased.status_code, aliased.json()["response"]) == (200, Script().answer)


async def test_the_answer_streams_and_ends_with_usage_and_charge(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.next(Script(chunks=3, reasoning=("Hm", "mm")))
    frames = await streamed(ann)
    assert list(dict.fromkeys(frame.event for frame in frames)) == ["reasoning.delta", "text.delta", "usage", "completed"], "reads may come together"
    assert text_of(frames) == "w0 w1 w2 "
    usage, completed = frames[-2].data, frames[-1].data
    assert completed == {
        "type": "completed",
        "model": "main/fake",
        "usage": {name: value for name, value in usage.items() if name != "type"},
        "charge_micros": await spent(ann),
        "finish_reason": "stop",
    }
    assert completed["charge_micros"] == usage["input_tokens"] + 3 * usage["output_tokens"] > 0
    talk = await streamed(ann, "conversation", messages=TALK)
    assert (text_of(talk), talk[-1].event) == (Script().answer, "completed")


async def test_nothing_of_what_was_said_is_stored(house: ServedHouse) -> None:
    ann, secret = await house.person(), f"canary-{new_id()}"
    house.fake.script("fake", Script(texts=(secret,)))
    assert (await answer(ann, message=secret))["response"] == secret
    assert secret in text_of(await streamed(ann, message=secret))
    db = await house.get(Database)
    for table in ("holds", "ledger_transactions", "ledger_entries", "ledger_notes", "outbox", "idempotency_keys", "messages", "turns", "jobs"):
        rows = await db.read(lambda tx, table=table: tx.run(statement(text(f"SELECT * FROM {table}"))).all())  # names of this list
        assert secret not in str(rows), table


EMPTY, TOO_LONG, INVALID = (422, "chat.empty_message"), (413, "chat.message_too_long"), (422, "request.invalid")


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


REFUSED: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    *(("message", {"message": content}, EMPTY) for content in ("", " \n", "\u200b")),
    *(("conversation", {"messages": [said("user", "Hi"), said("assistant", ""), said("user", content)]}, EMPTY) for content in ("", "Hi")),
    ("message", {"message": "x" * 100_001}, TOO_LONG),
    ("message", {"message": "Hi", "system": "x" * 100_001}, TOO_LONG),
    ("message", {"message": "界" * 100_000}, (413, "chat.prompt_too_long")),
    ("conversation", {"messages": [said("user", "x" * 90_000)] * 2}, (413, "chat.prompt_too_long")),
    ("conversation", {"messages": []}, INVALID),
    ("conversation", {"messages": [said("user", "Hi")] * 1001}, INVALID),
    ("conversation", {"messages": [said("user", "Hi"), said("assistant", "Hi")]}, INVALID),
    ("conversation", {"messages": [said("tool", "Hi")]}, INVALID),
    ("conversation", {"messages": [said("user", 1)]}, INVALID),
    ("message", {"message": "Hi", "model": "main/no-such-model"}, (404, "llm.unknown_model")),
    ("message", {"message": "Hi", "params": {"temperature": 3}}, INVALID),
    ("message", {"message": "Hi", "stream": True}, INVALID),
    ("message", {}, INVALID),
]


async def test_what_makes_no_sense_is_a_problem_in_either_form_and_costs_nothing(house: ServedHouse) -> None:
    ann = await house.person()
    for path, body, expected in REFUSED:
        plain = await ann.client.post(f"/chat/{path}", json=body)
        assert (plain.status_code, plain.json()["code"]) == expected, f"{body!r:.100}"
        if body:
            async with opened(ann, path, **body) as reader:
                assert (reader.status, reader.response.json()["code"]) == expected, f"{body!r:.100}"
    assert (house.fake.count, await spent(ann)) == (0, 0)


async def test_user_id_is_ones_own_or_an_administrators_to_give(house: ServedHouse) -> None:
    ann, bob, admin = await house.person(), await house.person(), await administrator(house)
    assert (await answer(ann, **HELLO, user_id=ann.id))["charge_micros"] == await spent(ann) > 0
    bodies: list[tuple[str, dict[str, Any]]] = [("message", HELLO), ("conversation", {"messages": TALK})]
    for path, body in bodies:
        foreign = await ask(bob, path, **body, user_id=ann.id)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "auth.not_your_user")
    before = await spent(ann)
    acting = await answer(admin, **HELLO, user_id=ann.id)
    assert (await spent(ann) - before, await spent(admin), await spent(bob)) == (acting["charge_micros"], 0, 0)
    assert text_of(await streamed(admin, **HELLO, user_id=ann.id)) == Script().answer
    assert (await ask(admin, **HELLO, user_id=str(new_id()))).status_code == 404


async def test_a_key_needs_its_scope_and_keeps_to_its_budget(house: ServedHouse) -> None:
    ann = await house.person()
    made = [await ann.client.post("/api-keys", json=body) for body in ({"name": "reader", "scopes": ["read"]}, {"name": "poor", "budget_micros": 200})]
    reader, poor = [{"Authorization": f"Bearer {each.json()['key']}"} for each in made]
    refused = await ann.client.post("/chat/message", json=HELLO, headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")
    beyond = await ann.client.post("/chat/message", json=HELLO, headers=poor)
    assert (beyond.status_code, beyond.json()["code"], beyond.json()["owner"]) == (402, "wallet.budget_exceeded", "api_key")
    assert house.fake.count == 0
    within = await ann.client.post("/chat/message", json={**HELLO, "params": {"max_tokens": 50}}, headers=poor)
    assert within.status_code == 200
    usage = (await ann.client.get("/wallet/usage", params={"group_by": "api_key"})).json()["items"]
    assert [(row["key"], row["amount_micros"]) for row in usage] == [(made[1].json()["id"], within.json()["charge_micros"])]


async def test_calls_count_with_turns_by_the_minute_and_on_their_own_at_once(open_served: OpenServed) -> None:
    house = await open_served(settings={"limits.turns_per_account_per_minute": 2, "llm.stateless.per_account_most": 1})
    ann, bob = await house.person(), await house.person()
    house.fake.next(Script(fault="hang_after_headers"))
    async with opened(ann) as reader:
        assert reader.status == 200
        many = await ask(ann)
        assert (many.status_code, many.json()["code"], many.headers["retry-after"]) == (429, "llm.too_many_calls", "5")
        await answer(bob)
    await house.fake.requests[0].closed.wait()
    session_id = await ann.new_session()
    assert (await ann.post(session_id)).status_code == 202
    refused = await ask(ann)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")


@pytest.mark.parametrize("name", ["offline", "parlor/offline"])
async def test_the_built_in_model_answers_for_free(house: ServedHouse, name: str) -> None:
    ann = await house.person()
    reply = await answer(ann, message="count to 5", model=name)
    assert (reply["response"], reply["model"], reply["charge_micros"]) == ("1 2 3 4 5", "parlor/offline", 0)
