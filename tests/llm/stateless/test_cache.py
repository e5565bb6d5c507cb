"""Answers that are given again: only where somebody asked for that, each account's own, and for free."""

import json
from typing import Any

from bench.fake_model import Script
from tests.llm.stateless.callers import HELLO, answer, spent, streamed
from tests.llm.stateless.test_analysis import FOUND, TEXT
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed


async def test_the_same_call_is_answered_again_for_free_where_it_says_so(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    first = await answer(ann, **HELLO, cache=True)
    paid = await spent(ann)
    again = await answer(ann, **HELLO, cache=True)
    assert again == {**first, "charge_micros": 0, "cached": True}
    assert (house.fake.count, await spent(ann), first["cached"]) == (1, paid, False)
    others: list[dict[str, Any]] = [
        {"message": "Hello!"},
        {**HELLO, "system": "Be brief."},
        {**HELLO, "params": {"max_tokens": 9}},
        {**HELLO, "params": {"temperature": 0}},
        {**HELLO, "model": "main/bench-64"},
    ]
    for number, other in enumerate(others, 2):
        assert (await answer(ann, **other, cache=True))["cached"] is False, other
        assert house.fake.count == number
    talk = await answer(ann, "conversation", messages=[{"role": "user", "content": HELLO["message"]}], cache=True)
    assert talk["cached"] is True, "a message is a conversation of one"
    count = house.fake.count
    assert (await answer(bob, **HELLO, cache=True))["cached"] is False
    assert (await answer(ann, **HELLO))["cached"] is False, "nobody asked for it"
    assert (await streamed(ann, **HELLO, cache=True))[-1].data["charge_micros"] > 0, "nothing that was kept is streamed"
    assert house.fake.count == count + 3


async def test_half_an_answer_is_not_given_again(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(finish_reason="length"))
    for number in (1, 2):
        reply = await answer(ann, **HELLO, cache=True)
        assert (reply["finish_reason"], reply["cached"], house.fake.count) == ("length", False, number)


async def test_a_model_whose_settings_say_so_keeps_answers_for_everybody_who_does_not_refuse(open_served: OpenServed) -> None:
    house = await open_served(settings={"llm.models": {"main/fake": {"cache_seconds": 60}}})
    ann = await house.person()
    bodies: list[dict[str, Any]] = [{}, {}, {"cache": False}, {"cache": True}]
    seen = [(await answer(ann, **HELLO, **body))["cached"] for body in bodies]
    assert seen == [False, True, False, True]


async def test_an_analysis_is_kept_as_well(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(texts=(json.dumps(FOUND),)))
    first = await answer(ann, "analyze", text=TEXT, cache=True)
    again = await answer(ann, "analyze", text=TEXT, cache=True)
    assert again == {**first, "charge_micros": 0, "cached": True}
    assert (await answer(ann, "analyze", text=TEXT, kinds=["intent"], cache=True))["cached"] is False
    assert await spent(ann) > 0
