"""SEC-48, SEC-49: whenever an answer is cut off, and whatever is said of its usage, what was delivered is paid for and nobody is ever credited."""

import json
from typing import Any

from bench.fake_model import Script
from parlor.llm import Finished, TextDelta, Usage, UsageSeen, estimate_tokens
from parlor.testing import Barrier, ScriptedModel
from tests.support.chat import Frame, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

WORDS = [f"word{n} " for n in range(8)]


def _prompt_tokens(frames: list[Frame]) -> int:
    return sum(frame.data["prompt_tokens"] for frame in frames if frame.event == "step.started")


def _cut_at(index: int, barrier: Barrier) -> Any:
    """Stands still after `index` chunks, and would go on to the end."""
    deltas = [TextDelta(text=word) for word in WORDS]
    return [*deltas[:index], barrier, *deltas[index:], UsageSeen(usage=Usage(1, 1)), Finished(reason="stop")]


async def test_whoever_stops_before_the_usage_comes_pays_for_what_was_delivered(open_served: OpenServed) -> None:
    """At every chunk, the first and the last among them."""
    barriers = [Barrier() for _ in range(len(WORDS) + 1)]
    house = await open_served(ScriptedModel(*(_cut_at(index, barrier) for index, barrier in enumerate(barriers))))
    ann = await house.person()
    for index, barrier in enumerate(barriers):
        before = (await ann.wallet())["available_micros"]
        turn_id = await ann.send(await ann.new_session())
        await barrier.reached()
        turn = await ann.stop(turn_id)
        frames = await ann.events(turn_id)
        said = "".join(WORDS[:index])
        assert (turn["state"], text_of(frames)) == ("stopped", said), index
        assert turn["charge_micros"] == _prompt_tokens(frames) + (estimate_tokens(said) if said else 0) > 0, index
        assert (await ann.wallet())["available_micros"] == before - turn["charge_micros"], index


async def test_a_provider_that_is_cut_off_before_the_usage_is_paid_for_what_was_delivered(open_served: OpenServed) -> None:
    """At every chunk. The output costs three times the input by default."""
    house = await open_served(settings={"llm.breaker.failures": 1000})
    ann = await house.person()
    said: list[str] = []
    for index in range(1, len(WORDS) + 1):
        house.fake.script(
            "fake", Script(texts=tuple(WORDS), fault="fin", at_chunk=index, pace_seconds=0.01, usage={"prompt_tokens": 1, "completion_tokens": 1})
        )
        turn, _ = await ann.ask(await ann.new_session())
        frames = await ann.events(turn["id"])
        said.append(text_of(frames))
        assert turn["charge_micros"] == _prompt_tokens(frames) + (3 * estimate_tokens(said[-1]) if said[-1] else 0) > 0, index
    assert said == ["".join(WORDS[:index]) for index in range(len(WORDS))]


def _stream(*usages: str) -> str:
    """An answer of a few words, whose usage is this JSON, or what is none."""
    said = [json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}) for word in WORDS]
    end = [f'{{"choices": [], "usage": {usage}}}' for usage in usages]
    finish = '{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    return "".join(f"data: {each}\n\n" for each in (*said, finish, *end, "[DONE]"))


USAGES: list[tuple[str, int | None]] = [
    ('{"prompt_tokens": -9, "completion_tokens": -1000000}', None),
    ('{"prompt_tokens": -9, "completion_tokens": 5}', None),
    ('{"prompt_tokens": NaN, "completion_tokens": NaN}', None),
    ('{"prompt_tokens": Infinity, "completion_tokens": -Infinity}', None),
    ('{"prompt_tokens": 1e400, "completion_tokens": 5}', None),
    ('{"prompt_tokens": "9", "completion_tokens": null}', None),
    ("{}", None),
    ('{"prompt_tokens": 0, "completion_tokens": 0}', None),
    ('{"prompt_tokens": 9, "completion_tokens": 4}', 21),
]


async def test_no_usage_gives_credit_and_what_cannot_be_believed_is_estimated(house: ServedHouse) -> None:
    ann = await house.person()
    for usage, charge in USAGES:
        house.fake.script("fake", Script(body=_stream(usage), content_type="text/event-stream"))
        before = (await ann.wallet())["available_micros"]
        turn, _ = await ann.ask(await ann.new_session())
        frames = await ann.events(turn["id"])
        expected = _prompt_tokens(frames) + 3 * estimate_tokens(text_of(frames)) if charge is None else charge
        assert text_of(frames) == "".join(WORDS), usage
        assert turn["charge_micros"] == expected > 0, usage
        assert (await ann.wallet())["available_micros"] == before - expected, usage


async def test_usage_that_grows_smaller_is_what_it_was_at_most(house: ServedHouse) -> None:
    ann = await house.person()
    sent = _stream(
        '{"prompt_tokens": 9, "completion_tokens": 40}', '{"prompt_tokens": 1, "completion_tokens": 4}', '{"prompt_tokens": 2, "completion_tokens": -4}'
    )
    house.fake.script("fake", Script(body=sent, content_type="text/event-stream"))
    turn, _ = await ann.ask(await ann.new_session())
    assert turn["charge_micros"] == 9 + 3 * 40


async def test_huge_usage_costs_the_hold_and_no_more(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(body=_stream(f'{{"prompt_tokens": {10**30}, "completion_tokens": {10**30}}}'), content_type="text/event-stream"))
    turn, _ = await ann.ask(await ann.new_session(), params={"max_tokens": 10})
    assert turn["charge_micros"] == _prompt_tokens(await ann.events(turn["id"])) + 3 * 10
