"""What the model is shown of a conversation: as much as fits, and always something that every provider takes (INV-T7)."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fake_model import FakeToolCall, Script
from parlor.chat.history import is_plain, text_of, to_model_messages, tokens_of, window
from parlor.llm import ModelMessage
from parlor.llm.endpoints import endpoint_of
from parlor.llm.providers.openai import _message  # pyright: ignore[reportPrivateUsage]
from parlor.llm.providers.wire import Target
from parlor.llm.settings import ProviderSettings
from parlor.turns import LogEvent, ReasoningDelta, TextDelta, ToolCalled, ToolResult
from parlor.turns.segments import parts_of, results_missing
from tests.support.history import complaints_about
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

ANYONE = Target(endpoint_of("main", ProviderSettings(base_url="http://127.0.0.1:9/v1")), "gpt-x", max_output_tokens=100)


@dataclass(frozen=True)
class Row:
    role: str
    text: str
    parts: list[dict[str, Any]] | None
    tokens: int


_words = st.text(min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
_arguments = st.one_of(st.just({"expression": "1"}), st.just("{not json"), st.just("[1]"), st.just({}))


@st.composite
def _answers(draw: st.DrawFn) -> list[LogEvent]:
    """A turn's log that ended anywhere: within a text, after a call, after some of the results."""
    events: list[LogEvent] = []
    for _ in range(draw(st.integers(0, 3))):
        events += [ReasoningDelta(text) for text in draw(st.lists(_words, max_size=1))]
        events += [TextDelta(text) for text in draw(st.lists(_words, max_size=2))]
        for _ in range(draw(st.integers(0, 2))):
            call_id = draw(st.uuids()).hex
            events.append(ToolCalled(call_id=call_id, tool="t", arguments=draw(_arguments)))
            events.append(ToolResult(call_id=call_id, **draw(st.sampled_from([{"result": {"value": 1}}, {"error": "no"}, {"result": "text"}]))))
    return events[: draw(st.integers(0, len(events)))]


def _row(role: str, parts: list[dict[str, Any]]) -> Row:
    text, kept = text_of(parts), None if is_plain(parts) else parts
    return Row(role, text, kept, tokens_of(role, text, kept))


def _question(text: str) -> Row:
    return _row("user", [{"type": "text", "text": text}])


@given(
    turns=st.lists(st.tuples(_words, _answers()), max_size=8),
    question=_words,
    pairs=st.integers(0, 10),
    budget=st.integers(30, 600),
)
def test_any_window_of_any_conversation_is_taken_by_the_strictest_provider(turns: Any, question: str, pairs: int, budget: int) -> None:
    rows: list[Row] = []
    for asked, answered in turns:
        rows.append(_question(asked))
        parts = parts_of([*answered, *results_missing(answered)])
        if parts:
            rows.append(_row("assistant", parts))
    rows.append(_question(question))
    shown = window(rows[::-1], pairs=pairs, budget_tokens=budget)
    assert shown == rows[len(rows) - len(shown) :], "the newest, without a gap"
    assert shown[0].role == "user"
    assert len(shown) <= 2 * pairs + 1
    assert len(shown) == 1 or sum(row.tokens for row in shown) <= budget
    messages = [_message(message, ANYONE) for message in to_model_messages(shown)]
    assert complaints_about(messages) == []
    assert messages[-1]["content"].endswith(question)


def test_the_validator_finds_what_it_is_for() -> None:
    """A guard that never complains guards nothing."""
    user, call = {"role": "user", "content": "x"}, {"id": "1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "y"}
    broken = msgspec.json.decode(msgspec.json.encode(asked))
    broken["tool_calls"][0]["function"]["arguments"] = "{"
    assert complaints_about([user, asked, result, user]) == []
    for wrong in (
        [user, asked, user],
        [user, asked, result, result, user],
        [user, user],
        [user, {"role": "assistant", "content": " "}, user],
        [{"role": "assistant", "content": "x"}, user],
        [user, asked, result, asked, result, user],
        [user, broken, result],
        [user, asked],
    ):
        assert complaints_about(wrong), wrong


async def test_the_model_is_shown_the_last_pairs(open_served: OpenServed) -> None:
    house = await open_served(settings={"chat.history_pairs": 2})
    house.fake.script("fake", Script(texts=("ok",)))
    ann = await house.person()
    session_id = await ann.new_session()
    for number in range(5):
        await ann.ask(session_id, f"question {number}")
    shown = house.fake.requests[-1].body["messages"]
    assert [message["content"] for message in shown[1:]] == ["question 2", "ok", "question 3", "ok", "question 4"]


async def test_the_history_fits_into_what_the_model_can_read(open_served: OpenServed) -> None:
    models = {"main/fake": {"context_tokens": 2000, "max_output_tokens": 100}}
    house = await open_served(settings={"llm.models": models})
    ann = await house.person()
    session_id = await ann.new_session()
    for number in range(4):
        await ann.ask(session_id, f"{number} " + "word " * 500)
    shown = house.fake.requests[-1].body["messages"]
    assert [message["content"][:2] for message in shown if message["role"] == "user"] == ["2 ", "3 "]
    assert house.fake.requests[-1].body["max_tokens"] == 100
    refused = await ann.post(session_id, "x" * 10_000)
    assert (refused.status_code, refused.json()["code"]) == (413, "chat.prompt_too_long")
    assert len(await ann.messages(session_id)) == 8


async def test_a_tool_call_and_its_result_are_shown_again_in_order(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    calls = (FakeToolCall(name="calculator", arguments='{"expression": "1"}', id="same"), FakeToolCall(name="calculator", arguments="{bad", id="same"))
    house.fake.script("fake", Script(tool_calls=calls, texts=("done",)))
    for number in range(3):
        await ann.ask(session_id, f"question {number}")
    assert len(house.fake.requests) == 6
    for seen in house.fake.requests:
        assert complaints_about(seen.body["messages"]) == []


async def test_a_question_that_was_never_answered_is_shown_with_the_next(house: ServedHouse) -> None:
    house.fake.next(Script(status=500))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, _ = await ann.ask(session_id, "first")
    assert turn["state"] == "failed"
    await ann.ask(session_id, "second")
    assert house.fake.requests[-1].body["messages"][1:] == [{"role": "user", "content": "first\n\nsecond"}]


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_what_showing_a_message_costs_grows_with_it(role: str) -> None:
    assert tokens_of(role, "", None) < tokens_of(role, "word " * 10, None) < tokens_of(role, "word " * 100, None)
    assert to_model_messages([Row(role, "", None, 4)]) == []
    assert to_model_messages([Row(role, "x", None, 4)]) == [ModelMessage(role=role, text="x")]  # type: ignore[arg-type]
