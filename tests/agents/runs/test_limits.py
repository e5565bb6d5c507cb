"""What a turn may take at most (SEC-22): it ends cleanly, and what was used until then is paid for."""

import asyncio
from typing import Any

import pytest

from parlor.agents.definition import AgentLimits
from parlor.agents.runs.limits import Counts, LimitReached, Used
from parlor.llm import Finished, Offer, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.testing import ScriptedModel, says
from parlor.wallet import Price
from tests.support.chat import answer_of
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

CHEAP, DEAR = Offer("a/x", Price(1_000_000, 2_000_000)), Offer("b/y", Price(10_000_000, 20_000_000))


def _loops(count: int) -> list[list[Any]]:
    return [[ToolCallDelta(0, "c", "calculator", '{"expression": "1"}'), UsageSeen(Usage(50, 10)), Finished("tool_calls")] for _ in range(count)]


def _agent(**limits: Any) -> dict[str, Any]:
    return {"agents.assistant": {"system_prompt": "Hi.", "tools": ["calculator"], "limits": limits}}


@pytest.mark.parametrize(
    ("limits", "reason", "steps"),
    [
        ({"steps": 3}, "limit_steps", 3),
        ({"tool_calls": 2}, "limit_steps", 3),
        ({"tokens": 250}, "limit_tokens", 2),
        ({"credits_micros": 250}, "limit_credits", 2),
    ],
)
async def test_a_model_that_always_calls_a_tool_stops_at_the_limit(open_served: OpenServed, limits: dict[str, int], reason: str, steps: int) -> None:
    house = await open_served(ScriptedModel(*_loops(20)), settings=_agent(**limits))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    assert (turn["state"], turn["reason"], turn["charge_micros"]) == ("failed", reason, steps * 60)
    assert len([part for part in answer["parts"] if part["type"] == "tool_result"]) >= steps - 1
    wallet = await ann.wallet()
    assert wallet["held_micros"] == 0


async def test_time_that_is_over_ends_the_turn_with_what_was_said(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel([TextDelta("so far"), asyncio.Event()], says("fine")), settings=_agent(wall_seconds=0.05))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    assert (turn["state"], turn["reason"], answer_of(answer)) == ("failed", "limit_time", "so far")


async def test_an_answer_is_cut_to_what_the_limits_pay_for(open_served: OpenServed) -> None:
    model = ScriptedModel(says("a"), says("b"))
    house = await open_served(model, settings=_agent(tokens=500, credits_micros=1_000_000))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, _ = await ann.ask(session_id)
    assert turn["state"] == "completed"
    (started,) = [each for each in await ann.events(turn["id"]) if each.event == "step.started"]
    assert model.requests[0].max_output_tokens == 500 - started.data["prompt_tokens"]


def test_the_longest_answer_is_what_the_dearest_model_may_write() -> None:
    counts = Counts(AgentLimits(credits_micros=1000), Used(micros=100))
    assert counts.longest_answer([CHEAP], 100, 4096) == (1000 - 100 - 100 - 1) // 2
    assert counts.longest_answer([CHEAP, DEAR], 20, 4096) == (1000 - 100 - 200 - 1) // 20
    with pytest.raises(LimitReached, match="limit_credits"):
        counts.longest_answer([DEAR], 100, 4096)
    assert counts.longest_answer([Offer("free", Price(0, 0))], 100, 4096) == 4096


def test_no_answer_within_the_limit_costs_more_than_the_limit() -> None:
    for limit in (7, 100, 12_345):
        for price in (Price(1, 1), Price(1_000_000, 3_000_000), Price(333_333, 777_777)):
            counts = Counts(AgentLimits(credits_micros=limit), Used())
            try:
                longest = counts.longest_answer([Offer("m", price)], 3, 10**9)
            except LimitReached:
                continue
            assert price.cost_micros(3, longest) <= limit
