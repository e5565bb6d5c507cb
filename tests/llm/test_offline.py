import time
from typing import Any

import pytest

from parlor.llm import ModelMessage, ModelRequest, TextDelta, ToolCall, ToolSpec
from parlor.llm.offline import OfflineModel
from parlor.llm.replies import find_expression
from parlor.wallet import Price
from tests.llm.conftest import asks, hear

CALCULATOR = ToolSpec("calculator", "Computes.", {"type": "object"})


def model(**more: Any) -> OfflineModel:
    return OfflineModel(lambda: Price(0, 0), **more)


async def says(*texts: str) -> str:
    """The last answer of a conversation."""
    messages: list[ModelMessage] = []
    for text in texts:
        messages.append(ModelMessage("user", text))
        answer = (await hear(model(), ModelRequest(messages))).text
        messages.append(ModelMessage("assistant", answer))
    return answer


async def test_it_streams_token_by_token_and_counts_them() -> None:
    heard = await hear(model(), asks("hello"))

    assert len([batch for batch in heard.batches if isinstance(batch[0], TextDelta)]) > 20
    assert heard.finish == "stop"
    assert heard.usage is not None
    assert heard.usage.output_tokens > 20
    assert "set of rules" in heard.text


async def test_the_same_question_has_the_same_answer() -> None:
    request = asks("what is 3 * 4?", tools=[CALCULATOR])

    assert (await hear(model(), request)).events == (await hear(model(), request)).events


@pytest.mark.parametrize(
    ("question", "expression"),
    [
        ("What is 12 * (3 + 4)?", "12 * (3 + 4)"),
        ("2+2", "2+2"),
        ("2 + 2 = ?", "2 + 2"),
        ("how much is 7 times 6", "7 * 6"),
        ("100 divided by 8, please", "100 / 8"),
        ("What is 15% of 80?", "15 / 100 * 80"),
        ("1,234,567 plus 1", "1234567 + 1"),
        ("compute 2^10", "2^10"),
        ("what's -3 - -4", "-3 - -4"),
        ("sqrt(16) + 1", "sqrt(16) + 1"),
        ("the square root of 81", "sqrt(81)"),
        ("3 × 4", "3  *  4"),  # as people write it
        ("What is (1 + 2", "(1 + 2)"),
        ("tell me about 2026-11-20", None),
        ("call 555-1234", None),
        ("I am 42", None),
        ("v1.2.3", None),
        ("", None),
        ("(" * 2_000, None),
    ],
)
def test_arithmetic_is_recognised(question: str, expression: str | None) -> None:
    found = find_expression(question)

    assert (found.replace(" ", "") if found else None) == (expression.replace(" ", "") if expression else None)


async def test_a_sum_goes_through_the_calculator_and_its_result_is_said() -> None:
    heard = await hear(model(), asks("What is 12 * (3 + 4)?", tools=[CALCULATOR]))
    assert heard.calls == [("call_offline_1", "calculator", '{"expression": "12 * (3 + 4)"}')]
    assert (heard.finish, heard.text) == ("tool_calls", "")

    call_id, name, arguments = heard.calls[0]
    history = [ModelMessage("user", "What is 12 * (3 + 4)?"), ModelMessage("assistant", "", [ToolCall(call_id, name, arguments)])]
    for result in ('{"expression": "12 * (3 + 4)", "value": 84}', "84", '{"result": 84}'):
        said = (await hear(model(), ModelRequest([*history, ModelMessage("tool", result, call_id=call_id)], [CALCULATOR]))).text
        assert said == "12 * (3 + 4) = 84"
    for result in ('{"error": "division by zero"}', "Error: division by zero"):
        said = (await hear(model(), ModelRequest([*history, ModelMessage("tool", result, call_id=call_id)], [CALCULATOR]))).text
        assert "could not do that" in said
        assert "division by zero" in said


async def test_without_the_calculator_it_does_not_guess() -> None:
    assert "leave to the calculator" in await says("What is 12 * 3?")


async def test_a_result_of_another_tool_is_told() -> None:
    messages = [ModelMessage("user", "x"), ModelMessage("tool", "sunny", call_id="c")]

    assert (await hear(model(), ModelRequest(messages))).text == "The tool answered: sunny"


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What is Parlor?", "self-hosted chat backend"),
        ("How do I connect OpenAI?", "OPENAI_API_KEY"),
        ("how does the wallet work", "micro-credits"),
        ("what happens to my turn after a crash?", "Last-Event-ID"),
        ("how can I start the server with postgres", "PARLOR_DATABASE__URL"),
        ("which commands are there?", "parlor doctor"),
        ("Are you a real language model?", "set of rules"),
        ("who are you", "parlor/offline"),
        ("help", "summarise"),
        ("what can you do?", "summarise"),
        ("is there an http api", "/api/v1"),
        ("do you have agents with tools?", "calculator"),
        ("thanks!", "welcome"),
        ("bye", "Goodbye"),
        ("Write me a poem about autumn leaves", "no answer of my own"),
        ("   ", "empty message"),
    ],
)
async def test_it_answers_from_what_it_knows_and_says_when_it_does_not(question: str, word: str) -> None:
    assert word in await says(question)


async def test_it_repeats_counts_and_summarises_what_it_is_given() -> None:
    assert await says("Repeat after me: Grüße, 世界 🎉") == "Grüße, 世界 🎉"
    assert (await says("please count to 12")).split() == [str(n) for n in range(1, 13)]
    assert (await says("count from 5 to 7")) == "5 6 7"
    text = "Parlor stores every turn. It rained on Tuesday. A turn of Parlor is a durable row. Cats sleep. Every durable turn of Parlor survives a restart."
    summary = await says(f"Summarise this text: {text}")
    assert "Every durable turn of Parlor survives a restart." in summary
    assert "Cats" not in summary
    assert "short already" in await says("summarize: One sentence only.")


async def test_it_remembers_what_was_said_in_this_conversation() -> None:
    assert "Ada" in await says("Hi, my name is Ada", "What is my name?")
    assert "not told me your name" in await says("hello", "What is my name?")
    assert '"the sky is green"' in await says("the sky is green", "What did I say before?")
    assert "first message" in await says("What did I say before?")
    assert '"alpha"' in await says("alpha", "beta", "what was my first message?")


async def test_limits_and_stop_words_of_the_request_are_kept() -> None:
    heard = await hear(model(), asks("count to 1000", max_output_tokens=5))
    assert heard.finish == "length"
    assert heard.usage is not None
    assert heard.usage.output_tokens <= 5
    heard = await hear(model(), asks("count to 20", stop=["7"]))
    assert (heard.text, heard.finish) == ("1 2 3 4 5 6 ", "stop")


async def test_a_pace_makes_it_slower() -> None:
    began = time.monotonic()
    await hear(model(tokens_per_second=100), asks("count to 20"))

    assert time.monotonic() - began > 0.15


@pytest.mark.parametrize("text", ["a" * 1_000_000, "1+" * 500_000, "." * 300_000, "my name is " * 50_000, "summarise: " + "word. " * 100_000, "\ud800"])
async def test_no_text_is_too_much_for_it(text: str) -> None:
    began = time.process_time()
    heard = await hear(model(), asks(text, tools=[CALCULATOR]))

    assert heard.finish in ("stop", "tool_calls", "length")
    assert time.process_time() - began < 3


async def test_an_empty_conversation_is_no_reason_to_fail() -> None:
    assert (await hear(model(), ModelRequest([]))).finish == "stop"
