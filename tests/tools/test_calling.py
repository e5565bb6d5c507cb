"""A model and its tools with no turn around them, and `parlor llm call-with-tools` over it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from parlor.cli import run
from parlor.llm import Finished, ModelMessage, ToolCallDelta, Usage, UsageSeen
from parlor.testing import OpenHouse, ScriptedModel, says
from parlor.tools import ExecutionContext, Offer, ToolExecutor, TooManySteps
from parlor.tools.builtin.calculator import Calculator
from parlor.tools.calling import ToolConversation
from parlor.tools.console import OPERATOR


def calls(*called: tuple[str, str], usage: Usage | None = None) -> list[Any]:
    """All with one id, as some providers send them."""
    deltas = [ToolCallDelta(at, "call_1", name, arguments) for at, (name, arguments) in enumerate(called)]
    return [*deltas, *([UsageSeen(usage)] if usage else []), Finished("tool_calls")]


class Probe:
    name = "probe"
    description = "Notes for whom it is run."
    parameters: Mapping[str, Any] = {"type": "object"}

    def __init__(self) -> None:
        self.contexts: list[ExecutionContext] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        self.contexts.append(context)
        return dict(arguments)


Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def ask(parlor_house: OpenHouse) -> AsyncIterator[Ask]:
    async with parlor_house() as container:
        executor = await container.get(ToolExecutor)

        async def asked(model: ScriptedModel, *tools: Any, told: list[Any] | None = None, most_steps: int = 5, system: str | None = None) -> dict[str, Any]:
            tell = (told if told is not None else []).append
            offers = [Offer(tool, "test") for tool in tools]
            conversation = ToolConversation(model, offers, executor, tell)
            return await conversation.ask("Hm?", system=system, max_output_tokens=None, most_steps=most_steps)

        yield asked


async def test_calls_results_and_the_answer_are_told_as_they_happen(ask: Ask) -> None:
    model = ScriptedModel(calls(("calculator", '{"expression": "5+3"}'), usage=Usage(10, 2, 1)), [*says("8!")[:-1], UsageSeen(Usage(20, 3)), Finished("stop")])
    told: list[Any] = []

    answer = await ask(model, Calculator(), told=told, system="Be brief.")

    assert answer == {
        "model": model.name,
        "text": "8!",
        "finish_reason": "stop",
        "steps": 2,
        "calls": [{"tool": "calculator", "arguments": {"expression": "5+3"}, "result": {"expression": "5+3", "value": 8}, "error": None}],
        "usage": {"input_tokens": 30, "output_tokens": 5, "cached_tokens": 1, "reasoning_tokens": 0},
    }
    assert [each if isinstance(each, str) else type(each).__name__ for each in told] == ["ToolCalled", "ToolResult", "8!"]
    assert [tool.name for tool in model.requests[0].tools] == ["calculator"]
    assert [message.role for message in model.requests[1].messages] == ["system", "user", "assistant", "tool"]


async def test_what_goes_wrong_with_a_call_is_a_result_that_the_model_reads(ask: Ask) -> None:
    probe = Probe()
    model = ScriptedModel(calls(("probe", "{}"), ("probe", "[1]"), ("other", "{}"), ("calculator", '{"expression": "1/0"}')), says("done"))

    answer = await ask(model, probe, Calculator())

    assert [call["error"] for call in answer["calls"]] == [None, "the arguments are not a JSON object", "there is no tool called 'other'", "division by zero"]
    assert [context.caller for context in probe.contexts] == [OPERATOR]
    asked: list[ModelMessage] = list(model.requests[1].messages)
    assert [call.call_id for call in asked[1].tool_calls] == [message.call_id for message in asked[2:]] == ["call_1", "call_1_2", "call_1_3", "call_1_4"]
    assert [call.arguments for call in asked[1].tool_calls][1] == '{"unreadable":"[1]"}'


async def test_a_model_that_never_stops_calling_is_left_after_so_many_steps(ask: Ask) -> None:
    model = ScriptedModel(*[calls(("probe", "{}"))] * 3)

    with pytest.raises(TooManySteps, match="3 steps"):
        await ask(model, Probe(), most_steps=3)
    assert len(model.requests) == 3


QUESTION = ["llm", "call-with-tools", "offline", "What is 5+3?"]


def test_the_command_prints_calls_results_and_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)

    assert run([*QUESTION, "--tools", "calculator"]) == 0
    shown = capsys.readouterr().out
    assert shown == '> calculator {"expression": "5+3"}\n< {"expression": "5+3", "value": 8}\n5+3 = 8\n'

    assert run(["--json", *QUESTION]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["text"], answer["calls"][0]["result"]["value"]) == ("5+3 = 8", 8)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--tools", "calculator,clock"], "parlor: There is no tool called 'clock'. There are: calculator, current_time, fetch.\n"),
        (["--steps", "1"], "parlor: The model still asked for tools after 1 steps: --steps allows more.\n"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run([*QUESTION, *options]) == 1
    assert capsys.readouterr().err == complaint
