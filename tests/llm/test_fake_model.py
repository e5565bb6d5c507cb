"""The fake model is judged by the official client: what it accepts from the fake, Parlor may rely on."""

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncIterator

import openai
import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
async def client(fake: FakeModel) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=fake.base_url, api_key="k", max_retries=0) as client:
        yield client


async def test_the_official_client_reads_text_and_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="fake", messages=HI, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "w0 w1 w2 w3 w4 w5 w6 w7 "
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_usage_is_not_sent_unasked(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="fake", messages=HI, stream=True)

    assert all(chunk.choices and chunk.usage is None for chunk in [chunk async for chunk in stream])


async def test_the_official_client_assembles_tool_calls_and_the_answer_follows_their_result(client: openai.AsyncOpenAI, fake: FakeModel) -> None:
    fake.script("tools", Script(texts=("4",), tool_calls=(FakeToolCall(name="add", arguments='{"a": 2, "b": 2}'),)))
    async with client.chat.completions.stream(model="tools", messages=HI) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_fake", "add", {"a": 2, "b": 2})

    asked = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {"name": "add", "arguments": "{}"}}]}
    after = await client.chat.completions.create(model="tools", messages=[*HI, asked, {"role": "tool", "tool_call_id": call.id, "content": "4"}])
    assert after.choices[0].message.content == "4"


@pytest.mark.parametrize(("status", "error"), [(429, openai.RateLimitError), (401, openai.AuthenticationError), (500, openai.InternalServerError)])
async def test_the_official_client_sees_errors(client: openai.AsyncOpenAI, fake: FakeModel, status: int, error: type[openai.APIStatusError]) -> None:
    fake.next(Script(status=status, headers={"Retry-After": "1"}))

    with pytest.raises(error) as caught:
        await client.chat.completions.create(model="fake", messages=HI)
    assert caught.value.response.headers["retry-after"] == "1"


@pytest.mark.parametrize(("script", "error"), [(Script(fault="error", at_chunk=2), openai.APIError), (Script(fault="rst", at_chunk=2), Exception)])
async def test_the_official_client_sees_a_stream_that_fails(client: openai.AsyncOpenAI, fake: FakeModel, script: Script, error: type[Exception]) -> None:
    fake.next(script)
    stream = await client.chat.completions.create(model="fake", messages=HI, stream=True)

    with pytest.raises(error):
        _ = [chunk async for chunk in stream]


async def test_characters_that_are_cut_in_two_come_together_again(client: openai.AsyncOpenAI, fake: FakeModel) -> None:
    fake.next(Script(texts=("Grüße 世界 🎉",), split_bytes=1))
    stream = await client.chat.completions.create(model="fake", messages=HI, stream=True)

    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "Grüße 世界 🎉"


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert {"fake", "bench-64", "paced-64"} <= {model.id async for model in client.models.list()}


async def test_it_sees_when_its_peer_goes(client: openai.AsyncOpenAI, fake: FakeModel) -> None:
    stream = await client.chat.completions.create(model="endless", messages=HI, stream=True)
    async for _ in stream:
        break
    await stream.close()

    await asyncio.wait_for(fake.requests[0].closed.wait(), 1)
    assert fake.requests[0].closed_by_peer


async def test_a_models_name_can_be_its_script(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="chunks=3;text=x", messages=HI)

    assert answer.choices[0].message.content == "xxx"


async def test_it_runs_as_a_process_that_is_told_what_to_do_and_tells_what_it_saw() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.fake_model", stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        base_url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        await asyncio.to_thread(_post, f"{base_url}/control/script", {"*": {"texts": ["once"]}, "mine": {"texts": ["always"]}})
        async with openai.AsyncOpenAI(base_url=base_url, api_key="k") as client:
            said = [(await client.chat.completions.create(model="mine", messages=HI)).choices[0].message.content for _ in range(2)]
        seen = await asyncio.to_thread(_get, f"{base_url}/control/requests")
        await asyncio.to_thread(_post, f"{base_url}/control/reset", {})
    finally:
        process.terminate()
        await process.wait()

    assert said == ["once", "always"]
    assert [(row["path"], row["completed"], row["body"]["model"]) for row in seen["requests"]] == [("/v1/chat/completions", True, "mine")] * 2


def _post(url: str, body: object) -> None:
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), method="POST")).close()


def _get(url: str) -> dict[str, list[dict[str, object]]]:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)
