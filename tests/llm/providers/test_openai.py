"""The provider against the fake model, over a real socket."""

import asyncio
import re

import msgspec
import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.outbound import Timeouts
from parlor.llm import Finished, ModelFailed, ModelMessage, ModelRequest, ReasoningDelta, TextDelta, ToolCall, ToolSpec, Usage, UsageSeen
from tests.llm.conftest import KEY, Heard, Make, asks, hear

UNICODE = ("Grüße, ", "世界", " 🎉👩‍👩‍👧", " ok")


async def test_text_usage_and_the_reason_arrive_in_this_order(make: Make, fake: FakeModel) -> None:
    heard = await hear(make())

    assert heard.text == "w0 w1 w2 w3 w4 w5 w6 w7 "
    assert heard.events[-2:] == [UsageSeen(Usage(1, 8)), Finished("stop")]


async def test_the_request_says_what_was_asked_and_nothing_else(make: Make, fake: FakeModel) -> None:
    tool = ToolSpec("add", "Adds.", {"type": "object"})
    messages = [
        ModelMessage("system", "Be brief."),
        ModelMessage("user", "1 + 1?"),
        ModelMessage("assistant", "", [ToolCall("call_1", "add", '{"a":1}')]),
        ModelMessage("tool", "2", call_id="call_1"),
    ]

    extra = {"seed": 7, "model": "dearer", "n": 5, "stream": False}
    await hear(make(), ModelRequest(messages, [tool], max_output_tokens=99, temperature=0.5, top_p=0.9, stop=["END"], extra=extra))

    assert fake.requests[0].body == {
        "model": "fake",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}],
        "max_tokens": 99,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
    }
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_server_that_refuses_stream_options_is_not_sent_them(make: Make, fake: FakeModel) -> None:
    await hear(make(ask_usage=False, max_tokens_field="max_completion_tokens"), asks(max_output_tokens=5))

    assert "stream_options" not in fake.requests[0].body
    assert fake.requests[0].body["max_completion_tokens"] == 5


async def test_a_very_long_conversation_is_sent_whole(make: Make, fake: FakeModel) -> None:
    await hear(make(timeouts=Timeouts()), asks("x" * 2_000_000))

    assert len(fake.requests[0].body["messages"][0]["content"]) == 2_000_000


@pytest.mark.parametrize("split_bytes", [1, 3, 7, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_any_cut_of_the_stream_gives_the_same_text(make: Make, fake: FakeModel, split_bytes: int, newline: str) -> None:
    fake.next(Script(texts=UNICODE, split_bytes=split_bytes, newline=newline))

    heard = await hear(make())

    assert (heard.text, heard.finish) == ("".join(UNICODE), "stop")


async def test_what_one_read_brings_is_one_item_with_its_texts_joined(make: Make, fake: FakeModel) -> None:
    fake.next(Script(chunks=50, reasoning=("let me ", "think"), burst=True))

    heard = await hear(make())

    assert heard.batches == [
        [ReasoningDelta("let me think"), TextDelta("".join(f"w{n} " for n in range(50))), UsageSeen(Usage(1, 50)), Finished("stop")],
    ]


async def test_every_paced_chunk_is_an_item_at_once(make: Make, fake: FakeModel) -> None:
    fake.next(Script(chunks=5, pace_seconds=0.02))

    heard = await hear(make())

    assert [batch for batch in heard.batches if isinstance(batch[0], TextDelta)] == [[TextDelta(f"w{n} ")] for n in range(5)]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
async def test_reasoning_is_known_under_its_three_names(make: Make, fake: FakeModel, key: str) -> None:
    fake.next(Script(reasoning=("hm, ", "so"), reasoning_key=key))

    heard = await hear(make())

    assert heard.reasoning == "hm, so"
    assert heard.text.startswith("w0 ")


async def test_tool_calls_come_in_fragments_and_the_first_names_the_call(make: Make, fake: FakeModel) -> None:
    calls = (FakeToolCall(name="add", arguments='{"a": 1, "b": 22222222}', id="c1"), FakeToolCall(name="sub", arguments="{}", id="c2"))
    fake.next(Script(tool_calls=calls))

    heard = await hear(make())

    assert heard.calls == [("c1", "add", '{"a": 1, "b": 22222222}'), ("c2", "sub", "{}")]
    assert heard.finish == "tool_calls"


async def test_calls_that_all_carry_index_zero_are_told_apart_by_their_ids(make: Make, fake: FakeModel) -> None:
    calls = (FakeToolCall(name="add", arguments='{"a":1}', id="c1", index=0), FakeToolCall(name="add", arguments='{"a":2}', id="c2", index=0))
    fake.next(Script(tool_calls=calls))

    assert (await hear(make())).calls == [("c1", "add", '{"a":1}'), ("c2", "add", '{"a":2}')]


async def test_a_call_without_an_id_gets_one(make: Make, fake: FakeModel) -> None:
    fake.next(Script(tool_calls=(FakeToolCall(name="add", arguments="{}", id=None),), finish_reason="stop"))

    heard = await hear(make())

    assert re.fullmatch(r"call_[0-9a-f]{32}", heard.calls[0][0])
    assert heard.finish == "tool_calls", "Gemini and Ollama say stop after tool calls"


def chunk(**choice: object) -> str:
    return "data: " + msgspec.json.encode({"choices": [{"index": 0, **choice}]}).decode() + "\n\n"


async def test_odd_servers_are_understood(make: Make, fake: FakeModel) -> None:
    """Content as parts (Mistral), arguments as an object without index or id (Ollama), a refusal (OpenAI), empty data, a second choice."""
    fake.next(
        Script(
            raw="\ufeff: comment\n\n"
            "data:\n\n"
            'data: {"choices": null, "usage": null}\n\n'
            + chunk(delta={"content": [{"type": "text", "text": "parts "}]}, finish_reason=None)
            + chunk(delta={"refusal": "no"})
            + 'data: {"choices": [{"index": 1, "delta": {"content": "second choice"}, "finish_reason": "length"}]}\n\n'
            + chunk(delta={"tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]})
            + chunk(delta={"tool_calls": [{"function": {"name": "add", "arguments": {"a": 2}}}]}, finish_reason="stop")
            + "data: [DONE]"
        )
    )

    heard = await hear(make())

    assert heard.text == "parts no"
    assert [call[1:] for call in heard.calls] == [("add", '{"a":1}'), ("add", '{"a":2}')]


@pytest.mark.parametrize(
    ("said", "understood"),
    [("length", "length"), ("content_filter", "content_filter"), ("max_tokens", "length"), ("end_turn", "stop"), ("SAFETY", "content_filter")],
)
async def test_finish_reasons_are_translated(make: Make, fake: FakeModel, said: str, understood: str) -> None:
    fake.next(Script(finish_reason=said))

    assert (await hear(make())).finish == understood


@pytest.mark.parametrize(("finish", "done"), [(True, False), (False, True)])
async def test_a_reason_or_the_end_mark_is_enough_to_be_complete(make: Make, fake: FakeModel, finish: bool, done: bool) -> None:
    fake.next(Script(finish=finish, done=done))

    assert (await hear(make())).finish == "stop"


@pytest.mark.parametrize(
    ("usage", "understood"),
    [
        (None, None),
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": 3.0, "completion_tokens": 10**30}, Usage(3, 2**31 - 1)),
        ({"prompt_tokens": -3, "completion_tokens": 4}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": "many", "completion_tokens": True}, None),
        ("lots", None),
        ([{"prompt_tokens": 3, "completion_tokens": 4}, {"prompt_tokens": 3, "completion_tokens": 9}], Usage(3, 9)),
        ([{"prompt_tokens": 3, "completion_tokens": 9}, {"prompt_tokens": 1, "completion_tokens": 2}], Usage(3, 9)),
        (
            {"prompt_tokens": 9, "completion_tokens": 8, "prompt_tokens_details": {"cached_tokens": 7}, "completion_tokens_details": {"reasoning_tokens": 6}},
            Usage(9, 8, 7, 6),
        ),
    ],
)
async def test_usage_is_believed_only_as_far_as_it_makes_sense(make: Make, fake: FakeModel, usage: object, understood: Usage | None) -> None:
    fake.next(Script(usage=usage))

    assert (await hear(make())).usage == understood


async def test_usage_counts_with_the_reason_and_not_after_the_end(make: Make, fake: FakeModel) -> None:
    fake.next(Script(usage_place="with_finish"), Script(usage_place="after_done"))

    assert (await hear(make())).usage == Usage(1, 8)
    assert (await hear(make())).usage is None


async def test_one_connection_serves_one_answer_after_the_other(make: Make, fake: FakeModel) -> None:
    model = make()
    for _ in range(3):
        await hear(model)
        await asyncio.sleep(0)

    assert not any(seen.closed.is_set() for seen in fake.requests)


async def test_leaving_early_closes_the_connection_at_once(make: Make, fake: FakeModel) -> None:
    async with make(model="endless").stream(asks()) as events:
        async for _ in events:
            break

    await asyncio.wait_for(fake.requests[0].closed.wait(), 1)
    assert fake.requests[0].closed_by_peer


@pytest.mark.parametrize("script", [Script(chunks=999, pace_seconds=0.02), Script(fault="hang_after_headers"), Script(fault="hang_before_headers")])
async def test_cancelling_closes_the_connection_at_once(make: Make, fake: FakeModel, script: Script) -> None:
    fake.next(script)
    task = asyncio.create_task(hear(make(timeouts=Timeouts())))
    seen = await asyncio.wait_for(fake.seen(), 5)

    task.cancel()

    await asyncio.wait_for(seen.closed.wait(), 1)
    assert seen.closed_by_peer
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_reader_closes_the_connection_and_passes_through(make: Make, fake: FakeModel) -> None:
    async def read_and_fail() -> None:
        async with make(model="endless").stream(asks()) as events:
            async for _ in events:
                raise ModelFailed("provider_error", "ours")

    with pytest.raises(ModelFailed, match="ours"):
        await read_and_fail()

    await asyncio.wait_for(fake.requests[0].closed.wait(), 1)


async def test_a_stop_in_the_middle_keeps_what_was_heard(make: Make, fake: FakeModel) -> None:
    heard = Heard()
    fake.next(Script(chunks=4, pace_seconds=0.005, fault="hang", at_chunk=4))
    task = asyncio.create_task(hear(make(timeouts=Timeouts()), heard=heard))
    await asyncio.wait_for(heard.has_text("w2 "), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert heard.text == "w0 w1 w2 "
