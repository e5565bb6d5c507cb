"""Idempotency-Key: the same key and body are one call, one charge and one answer, also for a client that has lost the connection in between."""

import asyncio
from uuid import UUID

import pytest

from bench.fake_model import Script
from parlor.core.db import Database
from parlor.core.idempotency import queries
from parlor.llm import TextDelta
from parlor.llm.stateless.keyed import KeyedCalls
from parlor.testing import Barrier, ScriptedModel, says
from tests.llm.stateless.callers import HELLO, answer, ask, opened, spent, streamed
from tests.support.chat import PASSWORD, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

TALK = {"messages": [{"role": "user", "content": "Hello?"}]}


async def test_the_same_key_and_body_give_the_same_answer_in_either_form_for_one_charge(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    house.fake.script("fake", Script(texts=("A NUL \x00, and 世界",)))
    first = await ask(ann, key="one")
    again = await ask(ann, key="one")
    assert (again.text, again.headers["idempotency-replayed"]) == (first.text, "true")
    assert "idempotency-replayed" not in first.headers
    async with opened(ann, key="one") as reader:
        assert reader.response.headers["idempotency-replayed"] == "true"
        frames = await reader.rest()
    assert [frame.event for frame in frames] == ["text.delta", "usage", "completed"]
    assert (text_of(frames), frames[-1].data["charge_micros"]) == (first.json()["response"], first.json()["charge_micros"])
    assert (house.fake.count, await spent(ann)) == (1, first.json()["charge_micros"])
    other = await ask(ann, key="one", message="Something else")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")
    elsewhere = await ask(ann, "conversation", key="one", **TALK)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "idempotency.mismatch")
    assert (await ask(ann, key="not a key")).status_code == 400
    assert (await ask(bob, key="one")).headers.get("idempotency-replayed") is None, "keys are each account's own"
    live = await streamed(ann, "conversation", key="two", **TALK)
    replay = await ask(ann, "conversation", key="two", **TALK)
    assert (replay.json()["response"], replay.headers["idempotency-replayed"]) == (text_of(live), "true")


async def test_ten_at_once_with_one_key_are_one_call(open_served: OpenServed) -> None:
    barrier = Barrier()
    model = ScriptedModel([TextDelta("word"), barrier, *says("s")])
    house = await open_served(model)
    ann = await house.person()
    asking = [asyncio.create_task(ask(ann, key="one")) for _ in range(10)]
    await barrier.reached()
    barrier.open()
    replies = await asyncio.gather(*asking)
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == len(model.requests) == 1
    assert sum("idempotency-replayed" in reply.headers for reply in replies) == 9


async def test_a_client_that_lost_the_connection_gets_the_answer_when_it_asks_again(open_served: OpenServed) -> None:
    barriers = Barrier(), Barrier()
    model = ScriptedModel(*([TextDelta("word"), barrier, *says("s")] for barrier in barriers))
    house = await open_served(model)
    ann = await house.person()
    lost = asyncio.create_task(ask(ann, key="plain"))
    await barriers[0].reached()
    lost.cancel()
    async with opened(ann, key="stream") as reader:
        assert text_of(await reader.read(1)) == "word"
    for barrier in barriers:
        barrier.open()
    for key in ("plain", "stream"):
        again = await ask(ann, key=key)
        assert (again.status_code, again.json()["response"], again.headers["idempotency-replayed"]) == (200, "words", "true")
    assert len(model.requests) == 2


async def test_a_failure_that_cost_something_is_repeated_and_one_that_did_not_leaves_the_key_free(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.next(Script(status=500), Script(text="word", fault="fin", at_chunk=4))
    assert (await ask(ann, key="free")).status_code == 503
    assert (await ask(ann, key="free")).status_code == 503, "asked again, and failed on its own"
    assert house.fake.count == 2
    again = await ask(ann, key="free")
    assert (again.status_code, again.json()["reason"], again.json()["charge_micros"]) == (503, "provider_protocol", await spent(ann))
    async with opened(ann, key="free") as reader:
        assert (reader.status, reader.response.json()["code"]) == (503, "llm.model_failed")
    assert (house.fake.count, await spent(ann)) == (2, again.json()["charge_micros"])


async def test_calls_that_run_when_the_house_closes_are_charged_and_their_keys_are_free(open_served: OpenServed) -> None:
    barrier = Barrier()
    model = ScriptedModel([TextDelta("word"), barrier, *says("never")], says("now"))
    house = await open_served(model)
    ann = await house.person()
    asking = asyncio.create_task(ask(ann, key="one"))
    await barrier.reached()
    asking.cancel()
    await (await house.get(KeyedCalls)).close()
    before = await spent(ann)
    assert before > 0
    assert (await answer(ann, key="one", **HELLO))["response"] == "now"


async def test_erasing_an_account_takes_its_answers_along_also_those_that_are_not_there_yet(open_served: OpenServed) -> None:
    barrier = Barrier()
    house = await open_served(ScriptedModel(says("canary"), [barrier, *says("canary")]))
    ann = await house.person()
    await answer(ann, key="one", **HELLO)
    late = asyncio.create_task(ask(ann, key="two"))
    await barrier.reached()
    assert (await ann.client.request("DELETE", "/auth/me", json={"password": PASSWORD})).status_code == 200
    barrier.open()
    await late
    db = await house.get(Database)
    assert await db.read(lambda tx: queries.of_account(tx, UUID(ann.id))) == []
