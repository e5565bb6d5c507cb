"""The basic cases of the contract, once more, against a double that nobody here wrote."""

from collections.abc import Iterator

import pytest

from parlor.core.outbound import Outbound, Timeouts
from parlor.llm import ModelFailed, ModelMessage, ModelRequest, ToolCall, ToolSpec, Usage
from parlor.llm.discovery import fetch_models
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.providers.remote import RemoteModel
from parlor.llm.settings import ProviderSettings
from tests.llm.conftest import Make, asks, hear
from tests.support.aimock import run_aimock

KINDS: tuple[Kind, ...] = ("openai", "anthropic", "gemini", "ollama")
SAID = "Grüße, 世界 🎉👩‍👩‍👧 from the double"
SUM = {"userMessage": "sum"}
ADD = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}})
FIXTURES = (
    {"match": {"userMessage": "hello"}, "response": {"content": SAID, "usage": {"prompt_tokens": 7, "completion_tokens": 5}}},
    {"match": {"userMessage": "think"}, "response": {"content": "391", "reasoning": "17 times 23, let me see"}},
    {"match": {**SUM, "hasToolResult": True}, "response": {"content": "It is 4."}},
    {"match": SUM, "response": {"toolCalls": [{"name": "add", "arguments": '{"a":2,"b":2}'}, {"name": "add", "arguments": '{"a":0,"b":4}'}]}},
    {"match": {"userMessage": "too much"}, "response": {"error": {"message": "sk-secret-canary", "type": "rate_limit_error"}, "status": 429}},
    {"match": {"userMessage": "broken"}, "response": {"error": {"message": "sk-secret-canary", "type": "api_error"}, "status": 500}},
)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with run_aimock(FIXTURES) as origin:
        yield origin


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def model(make: Make, origin: str, kind: Kind) -> RemoteModel:
    return make(origin, kind=kind, timeouts=Timeouts())


async def test_text_comes_whole_with_usage(model: RemoteModel, kind: Kind) -> None:
    heard = await hear(model, asks("hello"))

    assert (heard.text, heard.finish) == (SAID, "stop")
    assert heard.usage == (None if kind == "ollama" else Usage(7, 5)), "it always counts nothing for Ollama, which is not believed"


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"], indirect=True)
async def test_thoughts_are_told_from_the_answer(model: RemoteModel) -> None:
    """Not Ollama's: aimock calls them `reasoning_content` there, where the official client has `thinking`."""
    heard = await hear(model, asks("think"))

    assert (heard.reasoning, heard.text, heard.finish) == ("17 times 23, let me see", "391", "stop")


async def test_a_tool_loop_runs_to_its_end(model: RemoteModel) -> None:
    """With two calls at once, their results, and the state that goes back."""
    first = await hear(model, asks("sum", tools=[ADD]))
    calls = [ToolCall(*call) for call in first.calls]
    assert [(call.name, call.arguments.replace(" ", "")) for call in calls] == [("add", '{"a":2,"b":2}'), ("add", '{"a":0,"b":4}')]
    assert first.finish == "tool_calls"
    assert len({call.call_id for call in calls}) == 2

    said = ModelMessage("assistant", first.text, calls, provider_state=first.state)
    results = [ModelMessage("tool", '{"sum":4}', call_id=call.call_id) for call in calls]
    second = await hear(model, ModelRequest([ModelMessage("system", "Be brief."), ModelMessage("user", "sum"), said, *results], [ADD]))

    assert (second.text, second.finish) == ("It is 4.", "stop")


@pytest.mark.parametrize(("question", "reason"), [("too much", "provider_rate_limited"), ("broken", "provider_error"), ("unheard of", "provider_error")])
async def test_errors_are_told_in_our_words(model: RemoteModel, question: str, reason: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        await hear(model, asks(question))

    assert caught.value.reason == reason
    assert "canary" not in f"{caught.value.detail} {caught.value.facts}"


@pytest.mark.parametrize("listing", ["openai", "ollama"])
async def test_models_are_listed(outbound: Outbound, origin: str, listing: Kind) -> None:
    """Its list at /v1/models is OpenAI's for everybody, and there is none at /v1beta."""
    found = await fetch_models(endpoint_of("main", ProviderSettings(kind=listing, base_url=origin, api_key="k")), outbound, Timeouts())  # pyright: ignore[reportArgumentType]

    assert found.models
