"""Turns whose model is down: another answers, the turn says so, and what it cost is that one's price."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.collected import Checks
from tests.support.chat import Person, answer_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

CHEAP = {"input_micros_per_mtok": 1_000_000, "output_micros_per_mtok": 1_000_000}
DEAR = {"input_micros_per_mtok": 7_000_000, "output_micros_per_mtok": 9_000_000}
DOWN = Script(status=500)
USAGE = {"prompt_tokens": 10, "completion_tokens": 3}
DEAR_MICROS = 7 * 10 + 9 * 3
TURNS = 100


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    """Has both models: `one` is down, `two` answers."""
    async with FakeModel() as fake:
        fake.script("one", DOWN)
        fake.script("two", Script(chunks=3, usage=USAGE))
        yield fake


@pytest.fixture
async def house(open_served: OpenServed, provider: FakeModel) -> ServedHouse:
    """`main/one` is the default, and `spare/two` answers in its place."""
    return await open_served(
        settings={
            "llm.providers": {name: {"base_url": provider.base_url, "api_key": "sk-secret-canary"} for name in ("main", "spare")},
            "llm.models": {"main/one": {"fallbacks": ["spare/two"], "price": CHEAP}, "spare/two": {"price": DEAR}},
            "llm.default_model": "main/one",
        }
    )


def asked_of(provider: FakeModel, model: str) -> int:
    return sum(seen.body["model"] == model for seen in provider.requests)


async def llm_health(house: ServedHouse) -> dict[str, Any]:
    (check,) = [check for check in await house.get(Checks) if check.name == "llm"]
    health = await check.look()
    return {**health.details["providers"]["main"], "status": health.status.value}


async def test_every_turn_finishes_on_the_second_model_and_the_first_is_left_alone_after_five_failures(house: ServedHouse, provider: FakeModel) -> None:
    ann = await house.person()

    async def ask() -> dict[str, Any]:
        turn, message = await ann.ask(await ann.new_session())
        assert answer_of(message) == "w0 w1 w2 "
        return turn

    turns = [await ask() for _ in range(6)]
    assert asked_of(provider, "one") == 5
    ways = asyncio.Semaphore(8)

    async def ask_among_others() -> dict[str, Any]:
        async with ways:
            return await ask()

    turns += await asyncio.gather(*(ask_among_others() for _ in range(TURNS - 6)))

    assert {(turn["state"], turn["model"], turn["charge_micros"]) for turn in turns} == {("completed", "spare/two", DEAR_MICROS)}
    assert (asked_of(provider, "two"), len(turns)) == (TURNS, TURNS)
    assert asked_of(provider, "one") == 5
    health = await llm_health(house)
    assert (health["status"], health["breaker"], health["breakers"]["main/one"]["failures"]) == ("degraded", "open", 5)


async def test_the_turn_tells_who_answered_and_the_books_have_its_price(house: ServedHouse) -> None:
    ann = await house.person()
    async with ann.stream(await ann.new_session()) as reader:
        frames = await reader.rest()
    names = [frame.event for frame in frames]
    assert names[:3] == ["turn.started", "step.started", "model.fallback"]
    assert names.count("model.fallback") == 1
    fallback = frames[2].data
    assert (fallback["from"], fallback["to"], fallback["reason"]) == ("main/one", "spare/two", "provider_error")
    assert {name: fallback[name] for name in DEAR} == DEAR
    assert (frames[0].data["model"], frames[-1].data["charge_micros"]) == ("main/one", DEAR_MICROS)

    turn_id = frames[0].data["turn_id"]
    assert (await ann.turn(turn_id))["model"] == "spare/two"
    assert await ann.replay(turn_id) == b"".join(frame.raw for frame in frames)
    (charge,) = await ann.charges()
    assert (charge["model"], charge["amount_micros"]) == ("spare/two", -DEAR_MICROS)
    assert "7000000 micro-credits" in charge["explanation"]
    usage = (await ann.client.get("/wallet/usage", params={"group_by": "model"})).json()["items"]
    assert [(row["key"], row["amount_micros"]) for row in usage] == [("spare/two", DEAR_MICROS)]


async def test_credit_is_held_for_the_dearest_that_may_answer(house: ServedHouse, provider: FakeModel) -> None:
    provider.script("one", Script(fault="hang_before_headers"))
    ann = await house.person()
    async with ann.stream(await ann.new_session(), params={"max_tokens": 1000}) as reader:
        await reader.until("step.started")
        held = (await ann.wallet())["held_micros"]
    assert 9 * 1000 < held < 9 * 1000 + 7 * 500


async def test_a_failure_after_the_first_word_stays_one(house: ServedHouse, provider: FakeModel) -> None:
    provider.script("one", Script(fault="fin", at_chunk=3))
    ann = await house.person()
    turn, message = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], turn["model"]) == ("failed", "provider_protocol", "main/one")
    assert answer_of(message).startswith("w0 ")
    assert asked_of(provider, "two") == 0


async def test_when_both_are_down_the_turn_fails_and_costs_nothing(house: ServedHouse, provider: FakeModel) -> None:
    provider.script("two", Script(status=429, headers={"Retry-After": "900"}))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], turn["model"], turn["charge_micros"]) == ("failed", "provider_rate_limited", "spare/two", 0)


async def test_each_step_asks_the_first_model_again_and_is_paid_for_at_who_answered(house: ServedHouse, provider: FakeModel) -> None:
    call = FakeToolCall(name="calculator", arguments='{"expression": "1 + 1"}')
    provider.next(DOWN, Script(tool_calls=(call,), usage=USAGE), Script(chunks=2, usage={"prompt_tokens": 100, "completion_tokens": 2}))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(), "1 + 1?")
    assert [seen.body["model"] for seen in provider.requests] == ["one", "two", "one"]
    assert turn["model"] == "main/one"
    (turn_charge,) = await ann.charges()
    assert turn_charge["amount_micros"] == -(DEAR_MICROS + 102)
    assert turn_charge["model"] == "main/one"
    assert "main/one: " in turn_charge["explanation"]
    assert "spare/two: " in turn_charge["explanation"]


async def test_stopping_while_the_second_is_asked_closes_it_and_costs_nothing(house: ServedHouse, provider: FakeModel) -> None:
    provider.script("two", Script(fault="hang_before_headers"))
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())
    second = await provider.seen(2)
    stopped = await ann.stop(turn_id)
    assert (stopped["state"], stopped["charge_micros"]) == ("stopped", 0)
    await asyncio.wait_for(second.closed.wait(), 5)


async def test_the_list_of_models_says_who_answers_in_whose_place(house: ServedHouse) -> None:
    ann: Person = await house.person()
    listed = {model["name"]: model["fallbacks"] for model in (await ann.client.get("/models")).json()["items"]}
    assert (listed["main/one"], listed["spare/two"]) == (["spare/two"], [])


async def test_nobody_gets_at_a_model_that_is_kept_for_others_by_anothers_being_down(open_served: OpenServed, provider: FakeModel) -> None:
    house = await open_served(
        settings={
            "llm.providers": {"main": {"base_url": provider.base_url}},
            "llm.models": {"main/one": {"fallbacks": ["main/two"]}, "main/two": {"groups": ["staff"]}},
            "llm.default_model": "main/one",
        }
    )
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], asked_of(provider, "two")) == ("failed", "provider_error", 0)
