"""The loop: what the model is asked for, what counts against its limits, and that a turn's failure is its own."""

from typing import Any

import pytest

from parlor.llm import Finished, ModelFailed, TextDelta, ToolCallDelta, Usage, UsageSeen, estimate_tokens
from parlor.testing import ScriptedModel, says
from tests.support.chat import answer_of
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine


def _calls(count: int) -> list[Any]:
    return [*(ToolCallDelta(at, f"c{at}", "calculator", '{"expression": "1"}') for at in range(count)), Finished(reason="tool_calls")]


async def test_parameters_of_the_message_stand_above_those_of_the_agent(open_served: OpenServed) -> None:
    agent = {"system_prompt": "Be brief.", "tools": [], "params": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "stop": ["END"]}}
    model = ScriptedModel(says("a"), says("b"), says("c"))
    house = await open_served(model, settings={"agents.terse": agent, "chat.default_max_output_tokens": 50})
    ann = await house.person()
    session_id = await ann.new_session(agent="terse")
    turn, _ = await ann.ask(session_id, params={"temperature": 1.5})
    await ann.ask(session_id, agent="assistant")
    await ann.ask(session_id, params={"max_tokens": 900_000})
    mine, default, huge = model.requests
    assert (mine.temperature, mine.top_p, mine.max_output_tokens, list(mine.stop), list(mine.tools)) == (1.5, 0.9, 100, ["END"], [])
    assert (mine.messages[0].role, mine.messages[0].text, turn["agent"]) == ("system", "Be brief.", "terse")
    assert (default.temperature, default.max_output_tokens, [tool.name for tool in default.tools]) == (None, 50, ["calculator", "current_time"])
    assert huge.max_output_tokens == model.max_output_tokens


async def test_all_calls_of_a_step_count_against_the_limit(open_served: OpenServed) -> None:
    """SEC-22."""
    house = await open_served(ScriptedModel(_calls(2), _calls(2)), settings={"agents.assistant": {"tools": ["*"], "limits": {"tool_calls": 3}}})
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"]) == ("failed", "limit_steps")
    assert [part["type"] for part in answer["parts"]] == ["tool_call"] * 2 + ["tool_result"] * 2


async def test_tool_calls_without_usage_are_charged_by_their_text(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(_calls(1), says("ok", input_tokens=1, output_tokens=1)))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    (first, _) = [frame for frame in await ann.events(turn["id"]) if frame.event == "step.started"]
    assert turn["charge_micros"] == first.data["prompt_tokens"] + estimate_tokens('calculator{"expression": "1"}') + 2


async def test_fragments_of_a_call_are_joined_and_usage_counts_once(open_served: OpenServed) -> None:
    fragments = [ToolCallDelta(0, "c", "calculator", '{"expr'), ToolCallDelta(0, None, None, 'ession": "2*3"}')]
    usage = UsageSeen(usage=Usage(10, 5))
    house = await open_served(
        ScriptedModel([TextDelta(text="Let me see. "), *fragments, usage, usage, Finished(reason="tool_calls")], says("6", input_tokens=0, output_tokens=0))
    )
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session())
    assert turn["charge_micros"] == 15
    assert answer_of(answer) == "Let me see. 6"
    assert answer["parts"][2]["result"]["value"] == 6


@pytest.mark.parametrize("error", [RuntimeError("canary"), ValueError("canary"), ModelFailed("provider_error", "canary", accepted=True)])
async def test_an_error_in_the_work_of_a_turn_ends_that_turn_and_says_nothing_of_its_text(open_served: OpenServed, error: Exception) -> None:
    """REL-28: nothing is swallowed, nothing hangs, and the next turn runs."""
    house = await open_served(ScriptedModel([TextDelta(text="so far"), error], says("fine")))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, answer = await ann.ask(session_id)
    assert (turn["state"], turn["reason"]) == ("failed", "provider_error" if isinstance(error, ModelFailed) else "internal")
    assert (answer_of(answer), answer["status"]) == ("so far", "failed")
    assert "canary" not in str((await ann.events(turn["id"]))[-1].data)
    assert (await ann.ask(session_id))[0]["state"] == "completed"
