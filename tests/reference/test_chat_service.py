"""What the reference's chat service and its Gemini service do, by the calls and settings that their users know. `docs/reference.md` lists the rows."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.fake_model import FakeModel, Script
from tests.llm.stateless.callers import answer, opened, spent, streamed
from tests.support.chat import Person, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed, open_served

__all__ = ["open_served"]

GEMINI = "gemini-2.5-flash"
TALK = [
    {"role": "user", "content": "My name is Ann."},
    {"role": "assistant", "content": "Hello, Ann."},
    {"role": "user", "content": "What is my name?"},
]
TEXT = "The room was lovely, but breakfast was awful."


@pytest.fixture
async def gemini() -> AsyncIterator[FakeModel]:
    """Speaks Gemini's protocol; its models include the one that is usual there."""
    async with FakeModel() as fake:
        fake.script(GEMINI, Script())
        yield fake


@pytest.fixture
async def house(open_served: OpenServed, gemini: FakeModel) -> ServedHouse:
    """LLM_PROVIDER chooses among two providers, and names no model."""
    others = {"OPENAI_API_KEY": "another-key", "OPENAI_BASE_URL": gemini.base_url}
    usual = {"LLM_PROVIDER": "gemini", "GEMINI_API_KEY": "a-key", "PARLOR_LLM__PROVIDERS__GEMINI__BASE_URL": gemini.origin}
    return await open_served(environment={**others, **usual})


@pytest.fixture
async def ann(house: ServedHouse) -> Person:
    return await house.person()


async def test_the_provider_of_the_setting_answers_a_message_with_its_usual_model(ann: Person, gemini: FakeModel) -> None:
    reply = await answer(ann, message="Hello?", system="Be brief.")
    assert (reply["response"], reply["model"], reply["finish_reason"]) == (Script().answer, f"gemini/{GEMINI}", "stop")
    assert reply["charge_micros"] == reply["usage"]["input_tokens"] + 3 * reply["usage"]["output_tokens"] == await spent(ann) > 0
    sent = gemini.requests[-1]
    assert (sent.path, sent.headers["x-goog-api-key"]) == (f"/v1beta/models/{GEMINI}:streamGenerateContent", "a-key")
    assert sent.body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


async def test_parameters_reach_the_provider(ann: Person, gemini: FakeModel) -> None:
    await answer(ann, message="Hello?", params={"temperature": 0.2, "top_p": 0.5, "max_tokens": 77, "stop": ["END", "STOP"]})
    config = gemini.requests[-1].body["generationConfig"]
    assert config == {"temperature": 0.2, "topP": 0.5, "maxOutputTokens": 77, "stopSequences": ["END", "STOP"]}


async def test_a_conversation_has_several_turns(ann: Person, gemini: FakeModel) -> None:
    gemini.script(GEMINI, Script(texts=("Ann.",)))
    assert (await answer(ann, "conversation", messages=TALK))["response"] == "Ann."
    contents = gemini.requests[-1].body["contents"]
    assert [(each["role"], each["parts"][0]["text"]) for each in contents] == [
        ("user", "My name is Ann."), ("model", "Hello, Ann."), ("user", "What is my name?"),
    ]  # fmt: skip


async def test_text_is_generated_as_a_stream(ann: Person, gemini: FakeModel) -> None:
    gemini.script(GEMINI, Script(chunks=5, reasoning=("Hmm",)))
    for path, body in (("message", {"message": "Hello?"}), ("conversation", {"messages": TALK})):
        frames = await streamed(ann, path, **body)
        assert (text_of(frames), frames[0].event, frames[-1].event) == ("w0 w1 w2 w3 w4 ", "reasoning.delta", "completed")
        assert frames[-1].data["usage"] == {name: value for name, value in frames[-2].data.items() if name != "type"}


async def test_a_text_is_analysed(ann: Person, gemini: FakeModel) -> None:
    found: dict[str, Any] = {
        "sentiment": {"label": "mixed", "score": 0.1, "confidence": 0.9},
        "topics": [{"name": "hotel", "relevance": 0.9}],
    }
    gemini.script(GEMINI, Script(texts=(json.dumps(found),)))
    reply = await answer(ann, "analyze", text=TEXT, kinds=["sentiment", "topics"])
    assert ({name: reply[name] for name in found}, reply["method"]) == (found, "model")
    config = gemini.requests[-1].body["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert set(config["responseJsonSchema"]["properties"]) == {"sentiment", "topics"}


@pytest.mark.parametrize(
    ("script", "charge"),
    [(Script(status=500), 0), (Script(status=429, headers={"Retry-After": "0"}), 0), (Script(text="word", fault="fin", at_chunk=3), None)],
)
async def test_what_goes_wrong_there_is_said_without_the_key(ann: Person, gemini: FakeModel, script: Script, charge: int | None) -> None:
    gemini.script(GEMINI, script)
    async with opened(ann, message="Hello?") as reader:
        raw = (await reader.response.aread()).decode()
    assert "llm.model_failed" in raw
    assert "a-key" not in raw
    assert "canary" not in raw
    cost = await spent(ann)
    assert cost == charge if charge is not None else cost > 0
