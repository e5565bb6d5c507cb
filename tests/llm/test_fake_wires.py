"""The fake model is judged by the official clients of OpenAI, Anthropic, Google and Ollama: what they accept from the fake, Parlor may rely on."""

import json
import warnings
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import ollama
import openai
import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from bench.fake_model.embeddings import vector_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at import, about things that are ours in no way
    from google import genai
    from google.genai import errors as genai_errors
    from google.genai import types as genai_types

EIGHT = "w0 w1 w2 w3 w4 w5 w6 w7 "
CALLS = Script(
    reasoning=("hm, ", "so"),
    signature="c2lnbmVk",
    tool_calls=(FakeToolCall(name="add", arguments='{"a": 2}', id="c1", signature="dGhvdWdodA=="), FakeToolCall(name="sub", id="c2")),
)
UNICODE = Script(texts=("Grüße 世界 🎉",), split_bytes=1)


class TestOpenAI:
    @pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}, {"dimensions": 3}])
    async def test_embeddings(self, fake: FakeModel, more: dict[str, Any]) -> None:
        """The client asks for base64 unless it is told otherwise."""
        async with openai.AsyncOpenAI(base_url=fake.base_url, api_key="k", max_retries=0) as client:
            found = await client.embeddings.create(model="fake", input=["one", "two words"], **more)

        by_index = [each.embedding for each in sorted(found.data, key=lambda each: each.index)]
        assert by_index == [vector_of(text, more.get("dimensions", 8)) for text in ("one", "two words")]
        assert found.usage.prompt_tokens == 3


class TestAnthropic:
    @pytest.fixture
    async def client(self, fake: FakeModel) -> AsyncIterator[anthropic.AsyncAnthropic]:
        async with anthropic.AsyncAnthropic(base_url=fake.origin, api_key="k", max_retries=0) as client:
            yield client

    async def ask(self, client: anthropic.AsyncAnthropic) -> anthropic.types.Message:
        async with client.messages.stream(model="fake", max_tokens=99, messages=[{"role": "user", "content": "hi"}]) as stream:
            return await stream.get_final_message()

    async def test_text_and_usage(self, client: anthropic.AsyncAnthropic) -> None:
        message = await self.ask(client)

        assert [block.text for block in message.content if block.type == "text"] == [EIGHT]
        assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 1, 8)

    async def test_thoughts_and_calls_in_fragments(self, client: anthropic.AsyncAnthropic, fake: FakeModel) -> None:
        fake.next(CALLS)

        message = await self.ask(client)

        thought, first, second = message.content
        assert (thought.type, thought.thinking, thought.signature) == ("thinking", "hm, so", "c2lnbmVk")
        assert (first.type, first.id, first.name, first.input) == ("tool_use", "c1", "add", {"a": 2})
        assert (second.type, second.id) == ("tool_use", "c2")
        assert message.stop_reason == "tool_use"

    async def test_characters_that_are_cut_in_two(self, client: anthropic.AsyncAnthropic, fake: FakeModel) -> None:
        fake.next(UNICODE)

        assert (await self.ask(client)).content[0].text == "Grüße 世界 🎉"

    @pytest.mark.parametrize(
        ("script", "error"),
        [
            (Script(status=429), anthropic.RateLimitError),
            (Script(status=401), anthropic.AuthenticationError),
            (Script(status=529), anthropic.InternalServerError),
            (Script(fault="error", at_chunk=3), anthropic.APIStatusError),
        ],
    )
    async def test_errors(self, client: anthropic.AsyncAnthropic, fake: FakeModel, script: Script, error: type[Exception]) -> None:
        fake.next(script)

        with pytest.raises(error):
            await self.ask(client)

    async def test_models(self, client: anthropic.AsyncAnthropic) -> None:
        models = [model async for model in client.models.list()]

        assert "bench-64" in [model.id for model in models]
        assert models[0].max_input_tokens == 200_000


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # Google's own way of using aiohttp
@pytest.mark.parametrize("version", ["v1beta", "v1"])
class TestGemini:
    @pytest.fixture
    async def client(self, fake: FakeModel, version: str) -> AsyncIterator[genai.Client]:
        options = genai_types.HttpOptions(base_url=fake.origin, api_version=version, retry_options=genai_types.HttpRetryOptions(attempts=1))
        client = genai.Client(api_key="k", http_options=options)
        yield client
        await client.aio.aclose()
        client.close()

    async def ask(self, client: genai.Client) -> list[genai_types.GenerateContentResponse]:
        return [chunk async for chunk in await client.aio.models.generate_content_stream(model="fake", contents="hi")]

    async def test_text_and_usage(self, client: genai.Client) -> None:
        chunks = await self.ask(client)

        assert "".join(chunk.text or "" for chunk in chunks) == EIGHT
        usage = chunks[-1].usage_metadata
        assert usage is not None
        assert (usage.prompt_token_count, usage.candidates_token_count) == (1, 8)
        assert chunks[-1].candidates[0].finish_reason == genai_types.FinishReason.STOP

    async def test_thoughts_and_whole_calls(self, client: genai.Client, fake: FakeModel) -> None:
        fake.next(CALLS)

        parts = [part for chunk in await self.ask(client) for part in chunk.candidates[0].content.parts]

        assert "".join(part.text or "" for part in parts if part.thought) == "hm, so"
        first, second = [part for part in parts if part.function_call]
        assert (first.function_call.id, first.function_call.name, first.function_call.args) == ("c1", "add", {"a": 2})
        assert first.thought_signature == b"thought"
        assert second.function_call.id == "c2"

    async def test_characters_that_are_cut_in_two(self, client: genai.Client, fake: FakeModel) -> None:
        fake.next(UNICODE)

        assert "".join(chunk.text or "" for chunk in await self.ask(client)) == "Grüße 世界 🎉"

    @pytest.mark.parametrize(("status", "error"), [(429, genai_errors.ClientError), (404, genai_errors.ClientError), (503, genai_errors.ServerError)])
    async def test_errors(self, client: genai.Client, fake: FakeModel, status: int, error: type[genai_errors.APIError]) -> None:
        fake.script("fake", Script(status=status))

        with pytest.raises(error) as caught:
            await self.ask(client)
        assert caught.value.code == status

    @pytest.mark.parametrize("length", [None, 3])
    async def test_embeddings(self, client: genai.Client, length: int | None) -> None:
        found = await client.aio.models.embed_content(model="fake", contents=["one", "two words"], config={"output_dimensionality": length})

        assert [each.values for each in found.embeddings] == [vector_of(text, length or 8) for text in ("one", "two words")]

    async def test_models(self, client: genai.Client) -> None:
        models = [model async for model in await client.aio.models.list(config={"query_base": True})]

        assert "models/bench-64" in [model.name for model in models]
        assert models[0].input_token_limit == 1_048_576


class TestOllama:
    @pytest.fixture
    async def client(self, fake: FakeModel) -> AsyncIterator[ollama.AsyncClient]:
        async with ollama.AsyncClient(host=fake.origin) as client:
            yield client

    async def ask(self, client: ollama.AsyncClient) -> list[ollama.ChatResponse]:
        return [line async for line in await client.chat(model="fake", messages=[{"role": "user", "content": "hi"}], stream=True)]

    async def test_text_and_usage(self, client: ollama.AsyncClient) -> None:
        lines = await self.ask(client)

        assert "".join(line.message.content or "" for line in lines) == EIGHT
        assert (lines[-1].done, lines[-1].done_reason, lines[-1].prompt_eval_count, lines[-1].eval_count) == (True, "stop", 1, 8)

    async def test_thoughts_and_whole_calls(self, client: ollama.AsyncClient, fake: FakeModel) -> None:
        fake.next(CALLS)

        lines = await self.ask(client)

        assert "".join(line.message.thinking or "" for line in lines) == "hm, so"
        calls = [call.function for line in lines for call in line.message.tool_calls or ()]
        assert [(call.name, json.dumps(call.arguments)) for call in calls] == [("add", '{"a": 2}'), ("sub", "{}")]

    async def test_characters_that_are_cut_in_two(self, client: ollama.AsyncClient, fake: FakeModel) -> None:
        fake.next(UNICODE)

        assert "".join(line.message.content or "" for line in await self.ask(client)) == "Grüße 世界 🎉"

    @pytest.mark.parametrize("script", [Script(status=404), Script(status=503), Script(fault="error", at_chunk=3)])
    async def test_errors(self, client: ollama.AsyncClient, fake: FakeModel, script: Script) -> None:
        fake.next(script)

        with pytest.raises(ollama.ResponseError):
            await self.ask(client)

    @pytest.mark.parametrize("length", [None, 3])
    async def test_embeddings(self, client: ollama.AsyncClient, length: int | None) -> None:
        found = await client.embed(model="fake", input=["one", "two words"], dimensions=length)

        assert list(found.embeddings) == [vector_of(text, length or 8) for text in ("one", "two words")]
        assert found.prompt_eval_count == 3

    async def test_models(self, client: ollama.AsyncClient) -> None:
        assert "bench-64:latest" in [model.model for model in (await client.list()).models]
        assert (await client.show("bench-64")).modelinfo == {"general.architecture": "llama", "llama.context_length": 8192}
