"""What holds for a model whatever protocol it is behind. The fakes that it is held against are themselves checked with the official clients."""

import asyncio
import re
from typing import Any

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.outbound import Timeouts
from parlor.llm import Finished, ModelFailed, ModelMessage, ModelRequest, ReasoningDelta, TextDelta, ToolCall, ToolSpec, UsageSeen
from parlor.llm.providers.remote import RemoteModel
from tests.llm.conftest import KEY, Heard, Make, asks, hear
from tests.llm.providers.dialects import ANTHROPIC, DIALECTS, GEMINI, OPENAI, Dialect

UNICODE = ("Grüße, ", "世界", " 🎉👩‍👩‍👧", " ok")
EIGHT = "w0 w1 w2 w3 w4 w5 w6 w7 "
TOOL = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.kind)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


@pytest.fixture
def model(make: Make, fake: FakeModel, dialect: Dialect) -> RemoteModel:
    return make(fake.origin, kind=dialect.kind)


@pytest.fixture
def patient(make: Make, fake: FakeModel, dialect: Dialect) -> RemoteModel:
    return make(fake.origin, kind=dialect.kind, timeouts=Timeouts())


async def fails(model: RemoteModel, heard: Heard | None = None) -> ModelFailed:
    with pytest.raises(ModelFailed) as caught:
        await hear(model, heard=heard)
    assert KEY not in f"{caught.value.detail} {caught.value.facts} {caught.value!r}"
    return caught.value


async def test_text_usage_and_the_reason_arrive_in_this_order(model: RemoteModel, fake: FakeModel) -> None:
    heard = await hear(model)

    assert heard.text == EIGHT
    assert heard.usage is not None
    assert heard.usage.output_tokens == 8
    assert heard.events[-2:] == [UsageSeen(heard.usage), Finished("stop")]
    assert KEY in str(fake.requests[0].headers)


@pytest.mark.parametrize("split_bytes", [1, 3, 7, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_any_cut_of_the_stream_gives_the_same_text(model: RemoteModel, fake: FakeModel, split_bytes: int, newline: str) -> None:
    fake.next(Script(texts=UNICODE, split_bytes=split_bytes, newline=newline))

    heard = await hear(model)

    assert (heard.text, heard.finish) == ("".join(UNICODE), "stop")


async def test_what_one_read_brings_is_one_item_with_its_texts_joined(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(chunks=50, reasoning=("let me ", "think"), burst=True))

    heard = await hear(model)

    texts = [event for event in heard.events if isinstance(event, TextDelta | ReasoningDelta)]
    assert heard.batches[0][: len(texts)] == texts
    assert texts == [ReasoningDelta("let me think"), TextDelta("".join(f"w{n} " for n in range(50)))]


async def test_text_is_heard_while_the_answer_still_goes_on(patient: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    heard = Heard()
    fake.next(Script(fault="hang", at_chunk=dialect.texts_begin + 3))
    task = asyncio.create_task(hear(patient, heard=heard))

    await asyncio.wait_for(heard.has_text("w2 "), 5)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heard.text == "w0 w1 w2 "


async def test_tool_calls_are_heard_whole_or_in_fragments(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    calls = (FakeToolCall(name="add", arguments='{"a":1,"b":22222222}', id="c1"), FakeToolCall(name="sub", arguments="{}", id="c2"))
    fake.next(Script(tool_calls=calls))

    heard = await hear(model)

    assert heard.calls == [("c1", "add", '{"a":1,"b":22222222}'), ("c2", "sub", "{}")]
    assert heard.finish == "tool_calls"


async def test_a_call_without_an_id_gets_one(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(tool_calls=(FakeToolCall(name="add", id=None), FakeToolCall(name="add", id=None, index=1))))

    heard = await hear(model)

    assert all(re.fullmatch(r"call_[0-9a-f]{32}", call_id) for call_id, _, _ in heard.calls)
    assert len({call_id for call_id, _, _ in heard.calls}) == 2


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC], indirect=True, ids=lambda dialect: dialect.kind)
async def test_arguments_that_are_no_json_are_passed_on_as_they_are(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    """The others have arguments as an object."""
    fake.next(Script(tool_calls=(FakeToolCall(name="add", arguments='{"a": 1,, "b"'),)))

    assert (await hear(model)).calls == [("call_fake", "add", '{"a": 1,, "b"')]


async def test_a_thousand_calls_and_large_arguments_arrive(patient: RemoteModel, fake: FakeModel) -> None:
    large = '{"text":"' + "x" * 900_000 + '"}'
    fake.next(Script(tool_calls=tuple(FakeToolCall(name="add", id=f"c{n}") for n in range(1000)), burst=True))
    fake.next(Script(tool_calls=(FakeToolCall(name="add", arguments=large),), fragment_chars=100_000, burst=True))

    assert len((await hear(patient)).calls) == 1000
    assert (await hear(patient)).calls[0][2] == large


async def test_after_a_tools_result_the_answer_follows(model: RemoteModel, fake: FakeModel) -> None:
    """With everything that goes back: the state of the provider, two results at once, and a call that had no arguments to speak of."""
    script = Script(
        reasoning=("hm",),
        signature="c2lnbmVk",
        tool_calls=(FakeToolCall(name="add", arguments='{"a":1}', id="c1", signature="dGhvdWdodA=="), FakeToolCall(name="add", arguments="{}", id="c2")),
    )
    fake.next(script, script)
    first = await hear(model, asks("1 + 1?", tools=[TOOL]))
    said = ModelMessage("assistant", first.text, [ToolCall(*call) for call in first.calls], provider_state=first.state)
    results = [ModelMessage("tool", '{"sum":2}', call_id="c1"), ModelMessage("tool", "error: nothing to add", call_id="c2")]

    second = await hear(model, ModelRequest([ModelMessage("user", "1 + 1?"), said, *results], [TOOL]))

    assert (second.text, second.finish) == (EIGHT, "stop")


async def test_stop_reasons_are_translated(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    fake.next(*(Script(finish_reason=said) for said in dialect.finish_reasons))

    assert [(await hear(model)).finish for _ in dialect.finish_reasons] == list(dialect.finish_reasons.values())


async def test_usage_is_believed_only_as_far_as_it_makes_sense(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    fake.next(Script(usage=None), *(Script(usage=told) for told, _ in dialect.usages))

    assert (await hear(model)).usage is None
    assert [(await hear(model)).usage for _ in dialect.usages] == [understood for _, understood in dialect.usages]


async def test_an_empty_answer_is_a_finished_one_without_text(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(chunks=0))

    heard = await hear(model)

    assert (heard.text, heard.finish) == ("", "stop")


@pytest.mark.parametrize(
    ("status", "reason", "tries"),
    [
        (400, "provider_error", 1),
        (401, "provider_error", 1),
        (403, "provider_error", 1),
        (404, "provider_error", 1),
        (429, "provider_rate_limited", 3),
        (500, "provider_error", 1),
        (503, "provider_error", 3),
        (529, "provider_error", 3),
        (302, "provider_protocol", 1),
    ],
)
async def test_a_refusal_is_repeated_only_when_it_surely_did_no_work(model: RemoteModel, fake: FakeModel, status: int, reason: str, tries: int) -> None:
    fake.script("fake", Script(status=status, headers={"Location": "http://127.0.0.1:9/"}))

    failure = await fails(model)

    assert (failure.reason, failure.accepted, fake.count) == (reason, False, tries)


async def test_a_busy_provider_that_recovers_answers_in_the_end(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(status=429, headers={"Retry-After": "0"}), Script(status=503))

    assert (await hear(model)).finish == "stop"
    assert fake.count == 3


async def test_what_its_errors_mean_is_said_in_our_words(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    for status, body, reason, words in dialect.refusals:
        fake.script("fake", Script(status=status, body=body))
        failure = await fails(model)
        assert failure.reason == reason
        assert words in failure.detail


async def test_an_error_in_the_stream_ends_it_and_keeps_what_came_before(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    for raw, reason in dialect.raw_errors:
        heard = Heard()
        fake.next(Script(raw=dialect.raw_text + raw))
        failure = await fails(model, heard)
        assert (failure.reason, failure.accepted, heard.text) == (reason, True, "so far")


@pytest.mark.parametrize("rest", ["{not json}", '{"candidates": 7, "choices": 7, "message": 7, "delta": 7}', "[" * 200_000, "x" * 10_000_000])
async def test_what_is_no_chunk_of_an_answer_is_against_the_protocol(patient: RemoteModel, fake: FakeModel, dialect: Dialect, rest: str) -> None:
    heard = Heard()
    lead = "" if dialect.kind == "ollama" else "data: "
    fake.next(Script(raw=f"{dialect.raw_text}{lead}{rest}\n\n"))

    failure = await fails(patient, heard)

    assert (failure.reason, failure.accepted, heard.text) == ("provider_protocol", True, "so far")


@pytest.mark.parametrize(
    "script",
    [
        Script(body="<html>log in</html>", content_type="text/html"),
        Script(body="{}", content_type="application/json"),
        Script(headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_a_200_that_is_no_stream_is_against_the_protocol(model: RemoteModel, fake: FakeModel, script: Script) -> None:
    fake.next(script)

    failure = await fails(model)

    assert (failure.reason, failure.accepted, fake.count) == ("provider_protocol", True, 1)


@pytest.mark.parametrize("fault", ["fin", "rst", "hang", "error"])
@pytest.mark.parametrize("after", [0, 3])
async def test_an_answer_that_breaks_off_is_never_complete_and_never_asked_for_again(
    model: RemoteModel, fake: FakeModel, dialect: Dialect, fault: Any, after: int
) -> None:
    heard = Heard()
    fake.next(Script(fault=fault, at_chunk=dialect.texts_begin + after, pace_seconds=0.005))

    failure = await fails(model, heard)

    assert failure.reason == {"hang": "provider_unreachable", "error": "provider_error"}.get(fault, "provider_protocol")
    assert (failure.accepted, heard.finish, heard.text) == (True, None, "".join(f"w{n} " for n in range(after)))
    assert fake.count == 1
    if fault != "error":
        await asyncio.wait_for(fake.requests[0].closed.wait(), 1)


async def test_a_stream_that_ends_properly_but_unfinished_is_against_the_protocol(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(finish=False, done=False), Script(raw=""))

    assert (await fails(model)).reason == "provider_protocol"
    assert (await fails(model)).reason == "provider_protocol"


async def test_silence_before_the_headers_ends_at_the_first_byte_limit_and_is_not_sent_again(model: RemoteModel, fake: FakeModel) -> None:
    fake.next(Script(fault="hang_before_headers"))

    failure = await fails(model)

    assert (failure.reason, failure.accepted, fake.count) == ("provider_unreachable", False, 1)


async def test_pings_keep_a_slow_answer_alive_until_the_total_limit(make: Make, fake: FakeModel, dialect: Dialect) -> None:
    limits = Timeouts(connect_seconds=1, first_byte_seconds=1, idle_seconds=0.25, total_seconds=0.8)
    fake.next(Script(fault="ping", at_chunk=3, pace_seconds=0.05))
    heard = Heard()

    failure = await fails(make(fake.origin, kind=dialect.kind, timeouts=limits), heard)

    assert failure.reason == "provider_unreachable"
    assert "too long" in failure.detail


async def test_one_connection_serves_one_answer_after_the_other(model: RemoteModel, fake: FakeModel) -> None:
    for _ in range(3):
        await hear(model)
        await asyncio.sleep(0)

    assert not any(seen.closed.is_set() for seen in fake.requests)


@pytest.mark.parametrize("script", [Script(chunks=999, pace_seconds=0.02), Script(fault="hang_after_headers"), Script(fault="hang_before_headers")])
async def test_cancelling_closes_the_connection_at_once(patient: RemoteModel, fake: FakeModel, script: Script) -> None:
    fake.next(script)
    task = asyncio.create_task(hear(patient))
    seen = await asyncio.wait_for(fake.seen(), 5)

    task.cancel()

    await asyncio.wait_for(seen.closed.wait(), 1)
    assert seen.closed_by_peer
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC, GEMINI], indirect=True, ids=lambda dialect: dialect.kind)
async def test_a_connection_that_drops_after_the_reason_leaves_a_complete_answer(model: RemoteModel, fake: FakeModel, dialect: Dialect) -> None:
    """Ollama's line with the reason is its last."""
    frames = dialect.texts_begin + 8 + (2 if dialect.kind == "anthropic" else 1)
    fake.next(Script(fault="rst", at_chunk=frames, pace_seconds=0.005))

    heard = await hear(model)

    assert (heard.text, heard.finish) == (EIGHT, "stop")


async def test_usage_of_a_whole_answer_counts_the_question_too(model: RemoteModel, fake: FakeModel) -> None:
    heard = await hear(model, asks("x" * 400))

    assert heard.usage is not None
    assert heard.usage.input_tokens >= 100
