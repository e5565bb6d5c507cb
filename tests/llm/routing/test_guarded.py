"""A model behind its breaker and its provider's bulkhead, against the fake provider."""

import asyncio
from typing import Any

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.resilience import BreakerState
from parlor.llm import ModelFailed
from parlor.llm.routing.guarded import GuardedModel
from parlor.llm.routing.guards import Guards
from parlor.llm.settings import LlmSettings
from tests.llm.conftest import Make, asks, hear

OPEN_SECONDS = 60.0


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guards_of(seconds: Seconds | None = None, **settings: Any) -> Guards:
    provider = {"base_url": "http://127.0.0.1:9/v1", **settings.pop("provider", {})}
    given = LlmSettings(providers={"main": provider, "other": provider}, breaker={"failures": 5, "open_seconds": OPEN_SECONDS}, **settings)
    return Guards(given, monotonic=seconds or Seconds())


async def failures_of(model: GuardedModel, times: int) -> list[ModelFailed]:
    failures: list[ModelFailed] = []
    for _ in range(times):
        with pytest.raises(ModelFailed) as raised:
            await hear(model)
        failures.append(raised.value)
    return failures


async def test_after_five_failures_nobody_waits_for_the_model_and_one_probe_at_a_time_finds_out(make: Make, fake: FakeModel) -> None:
    seconds = Seconds()
    guards = guards_of(seconds)
    model = GuardedModel(make(), guards.of("main/fake"))
    fake.script("fake", Script(status=500))
    assert {failure.facts["status"] for failure in await failures_of(model, 5)} == {500}

    (refused,) = await failures_of(model, 1)
    assert (refused.reason, refused.facts["cause"], fake.count) == ("provider_unreachable", "circuit_open", 5)
    assert guards.breakers_of("main")["main/fake"].state is BreakerState.OPEN
    assert guards.breakers_of("other") == {}

    seconds.now += OPEN_SECONDS
    await failures_of(model, 2)
    assert fake.count == 6, "the probe was sent, and its failure keeps the others out"

    seconds.now += OPEN_SECONDS
    fake.script("fake", Script())
    assert (await hear(model)).finish == "stop"
    assert guards.breakers_of("main") == {}


async def test_a_probe_lets_the_others_in_with_its_first_words(make: Make, fake: FakeModel) -> None:
    """An answer may take minutes."""
    seconds = Seconds()
    guards = guards_of(seconds)
    model = GuardedModel(make(), guards.of("main/fake"))
    fake.script("fake", Script(status=500))
    await failures_of(model, 5)
    seconds.now += OPEN_SECONDS
    fake.script("fake", Script(fault="hang", at_chunk=3))
    async with model.stream(asks()) as batches:
        with pytest.raises(ModelFailed, match="left alone"):
            await hear(model)
        await anext(batches)
        fake.script("fake", Script())
        assert (await hear(model)).finish == "stop"


@pytest.mark.parametrize(
    "script",
    [
        Script(status=400),
        Script(status=401),
        Script(status=404),
        Script(status=429),
        Script(status=400, body='{"error": {"code": "content_filter"}}'),
    ],
)
async def test_what_is_no_outage_opens_no_circuit(make: Make, fake: FakeModel, script: Script) -> None:
    guards = guards_of()
    fake.script("fake", script)
    await failures_of(GuardedModel(make(), guards.of("main/fake")), 6)
    assert guards.breakers_of("main") == {}


async def test_answers_that_break_off_count_and_whole_ones_start_the_count_anew(make: Make, fake: FakeModel) -> None:
    guards = guards_of()
    model = GuardedModel(make(), guards.of("main/fake"))
    fake.script("fake", Script(fault="fin", at_chunk=3))
    await failures_of(model, 4)
    assert guards.breakers_of("main")["main/fake"].failures == 4
    fake.script("fake", Script())
    await hear(model)
    assert guards.breakers_of("main") == {}


async def test_leaving_an_answer_says_nothing_about_the_model(make: Make, fake: FakeModel) -> None:
    guards = guards_of()
    model = GuardedModel(make(), guards.of("main/fake"))
    fake.script("fake", Script(status=500))
    await failures_of(model, 4)
    fake.script("fake", Script(fault="hang", at_chunk=3))
    with pytest.raises(KeyError):
        async with model.stream(asks()):
            raise KeyError
    assert guards.breakers_of("main")["main/fake"].failures == 4


async def test_a_provider_answers_so_many_at_once_and_one_that_is_slow_holds_up_no_other(make: Make, fake: FakeModel) -> None:
    guards = guards_of(provider={"concurrency": 2}, timeouts={"queue_seconds": 0.05})
    model, other = GuardedModel(make(), guards.of("main/fake")), GuardedModel(make(), guards.of("other/fake"))
    fake.script("fake", Script(fault="ping", at_chunk=1))
    async with model.stream(asks()), GuardedModel(make(), guards.of("main/another")).stream(asks()):
        assert guards.calls_of("main") == (2, 2)
        (full,) = await failures_of(model, 1)
        assert (full.reason, full.facts["cause"], fake.count) == ("provider_rate_limited", "bulkhead_full", 2)
        fake.script("fake", Script())
        assert (await hear(other)).finish == "stop"
    assert guards.calls_of("main") == (0, 2)
    assert (await hear(model)).finish == "stop"
    assert guards.breakers_of("main") == {}


async def test_who_waits_for_a_place_gets_it_when_an_answer_ends(make: Make, fake: FakeModel) -> None:
    guards = guards_of(provider={"concurrency": 1})
    model = GuardedModel(make(), guards.of("main/fake"))
    async with model.stream(asks()):
        waiting = asyncio.create_task(hear(model))
        await asyncio.sleep(0)
        assert (guards.calls_of("main"), waiting.done()) == ((1, 1), False)
    assert (await waiting).finish == "stop"
