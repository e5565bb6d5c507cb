"""What providers do wrong, and what must hold then."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Timeouts
from parlor.llm import ModelFailed
from parlor.llm.providers.refusals import Patience, Refusal
from tests.llm.conftest import KEY, QUICK, Heard, Make, hear


async def fails(model: Any, heard: Heard | None = None) -> ModelFailed:
    with pytest.raises(ModelFailed) as caught:
        await hear(model, heard=heard)
    assert KEY not in f"{caught.value.detail} {caught.value.facts} {caught.value!r}"
    return caught.value


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9/v1", "http://does-not-exist.invalid/v1"])
async def test_a_provider_that_cannot_be_reached_is_tried_three_times(make: Make, base_url: str) -> None:
    waits = Recording()
    failure = await fails(make(base_url, patience=waits))

    assert (failure.reason, failure.accepted) == ("provider_unreachable", False)
    assert waits.asked == [0, 1, 2]


async def test_a_provider_without_the_promised_tls_is_unreachable(make: Make, fake: FakeModel) -> None:
    failure = await fails(make(fake.base_url.replace("http://", "https://"), timeouts=Timeouts(connect_seconds=0.3), patience=Patience(retries=0)))

    assert failure.reason == "provider_unreachable"
    assert fake.count == 0


@pytest.mark.parametrize(
    ("status", "reason", "tries"),
    [
        (400, "provider_error", 1),
        (401, "provider_error", 1),
        (403, "provider_error", 1),
        (404, "provider_error", 1),
        (429, "provider_rate_limited", 3),
        (500, "provider_error", 1),
        (502, "provider_error", 1),
        (503, "provider_error", 3),
        (529, "provider_error", 3),
        (302, "provider_protocol", 1),
        (202, "provider_protocol", 1),
    ],
)
async def test_a_refusal_is_repeated_only_when_it_surely_did_no_work(make: Make, fake: FakeModel, status: int, reason: str, tries: int) -> None:
    fake.script("fake", Script(status=status, headers={"Location": "http://127.0.0.1:9/"}))

    failure = await fails(make())

    assert (failure.reason, failure.accepted, fake.count) == (reason, status == 202, tries)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_provider_that_recovers_answers_in_the_end(make: Make, fake: FakeModel, status: int) -> None:
    fake.next(Script(status=status, headers={"Retry-After": "0"}), Script(status=status, headers={"retry-after-ms": "5"}))

    heard = await hear(make())

    assert heard.finish == "stop"
    assert fake.count == 3


@pytest.mark.parametrize("retry_after", ["21", "99999999999", "Sat, 01 Jan 2089 00:00:00 GMT"])
async def test_a_wait_that_is_too_long_is_not_begun(make: Make, fake: FakeModel, retry_after: str) -> None:
    fake.script("fake", Script(status=429, headers={"Retry-After": retry_after}))

    assert (await fails(make())).reason == "provider_rate_limited"
    assert fake.count == 1


@pytest.mark.parametrize("retry_after", ["soon", "", "-1", "nan", "Thu, 01 Jan 1970 00:00:00 GMT"])
async def test_a_retry_after_that_makes_no_sense_or_is_past_does_not_harm(make: Make, fake: FakeModel, retry_after: str) -> None:
    fake.next(Script(status=429, headers={"Retry-After": retry_after}))

    assert (await hear(make())).finish == "stop"


async def test_what_a_retry_cannot_mend_is_not_retried(make: Make, fake: FakeModel) -> None:
    quota = '[{"error": {"message": "x", "code": "insufficient_quota"}}]'
    fake.next(Script(status=429, body=quota), Script(status=503, headers={"x-should-retry": "false"}))

    assert "out of credit" in (await fails(make())).detail
    assert (await fails(make())).reason == "provider_error"
    assert fake.count == 2


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        ('{"error": {"code": "content_filter", "message": "m"}}', "content_filter", "refused this content"),
        ('{"error": {"code": "context_length_exceeded", "message": "m"}}', "provider_error", "longer than the model can read"),
        ("<html>login</html>", "provider_error", "reported an error"),
        ("x" * 1_000_000, "provider_error", "reported an error"),
        ("[" * 100_000, "provider_error", "reported an error"),
    ],
)
async def test_known_error_codes_have_their_own_words_and_the_rest_is_not_repeated(make: Make, fake: FakeModel, body: str, reason: str, detail: str) -> None:
    fake.next(Script(status=400, body=body))

    failure = await fails(make())

    assert failure.reason == reason
    assert detail in failure.detail


async def test_an_error_whose_body_never_ends_is_still_an_error(make: Make, fake: FakeModel) -> None:
    fake.next(Script(status=500, headers={"Content-Length": "1000"}, body="..."))

    assert (await fails(make())).reason == "provider_error"


@pytest.mark.parametrize(
    "script",
    [
        Script(body="<html>log in</html>", content_type="text/html"),
        Script(body='{"choices": []}', content_type="application/json"),
        Script(content_type="text/event-stream", headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_a_200_that_is_no_stream_is_against_the_protocol(make: Make, fake: FakeModel, script: Script) -> None:
    fake.next(script)

    failure = await fails(make())

    assert (failure.reason, failure.accepted, fake.count) == ("provider_protocol", True, 1)
    assert "did not answer with a stream" in failure.detail


async def test_what_is_not_even_http_is_against_the_protocol(make: Make, fake: FakeModel) -> None:
    fake.next(Script(fault="garbage"))

    assert (await fails(make())).reason == "provider_protocol"


async def test_silence_before_the_headers_ends_at_the_first_byte_limit_and_is_not_sent_again(make: Make, fake: FakeModel) -> None:
    fake.next(Script(fault="hang_before_headers"))

    failure = await fails(make())

    assert (failure.reason, failure.accepted, fake.count) == ("provider_unreachable", False, 1)
    await asyncio.wait_for(fake.requests[0].closed.wait(), 1)


@pytest.mark.parametrize("script", [Script(fault="hang_after_headers"), Script(fault="hang", at_chunk=4)])
async def test_silence_within_an_answer_ends_at_the_idle_limit_and_keeps_what_came(make: Make, fake: FakeModel, script: Script) -> None:
    heard = Heard()
    fake.next(script)

    failure = await fails(make(), heard)

    assert (failure.reason, failure.accepted) == ("provider_unreachable", True)
    assert heard.text == ("w0 w1 w2 " if script.at_chunk else "")
    await asyncio.wait_for(fake.requests[0].closed.wait(), 1)


async def test_a_slow_stream_that_is_alive_is_not_killed_before_the_total_limit(make: Make, fake: FakeModel) -> None:
    """Comments count as life (REL-20)."""
    limits = Timeouts(connect_seconds=1, first_byte_seconds=1, idle_seconds=0.25, total_seconds=1.2)
    fake.next(Script(fault="ping", at_chunk=3, pace_seconds=0.1), Script(chunks=4, pace_seconds=0.15))
    began = time.monotonic()

    failure = await fails(make(timeouts=limits))

    assert failure.reason == "provider_unreachable"
    assert 1.0 < time.monotonic() - began < 3
    assert (await hear(make(timeouts=limits))).finish == "stop"


@pytest.mark.parametrize("fault", ["fin", "rst"])
@pytest.mark.parametrize("at_chunk", [1, 5, 9])
async def test_a_connection_that_drops_is_never_a_complete_answer(make: Make, fake: FakeModel, fault: Any, at_chunk: int) -> None:
    heard = Heard()
    fake.next(Script(fault=fault, at_chunk=at_chunk, pace_seconds=0.005))

    failure = await fails(make(), heard)

    assert (failure.reason, failure.accepted, heard.finish) == ("provider_protocol", True, None)
    assert heard.text == "".join(f"w{n} " for n in range(at_chunk - 1))
    assert fake.count == 1, "never sent again after a byte of the answer"


async def test_a_connection_that_drops_after_the_reason_leaves_a_complete_answer(make: Make, fake: FakeModel) -> None:
    fake.next(Script(fault="rst", at_chunk=10, pace_seconds=0.005), Script(fault="hang", at_chunk=10))

    for _ in range(2):
        heard = await hear(make())
        assert (heard.text, heard.finish, heard.usage) == ("w0 w1 w2 w3 w4 w5 w6 w7 ", "stop", None)


async def test_a_stream_that_ends_properly_but_unfinished_is_against_the_protocol(make: Make, fake: FakeModel) -> None:
    fake.next(Script(finish=False, done=False), Script(raw=""))

    assert (await fails(make())).reason == "provider_protocol"
    assert (await fails(make())).reason == "provider_protocol"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('data: {"error": {"message": "m", "code": 429}}\n\n', "provider_rate_limited"),
        ('data: {"error": {"message": "m", "type": "rate_limit_error"}}\n\n', "provider_rate_limited"),
        ('data: {"error": {"message": "m", "code": "content_filter"}}\n\n', "content_filter"),
        ('data: {"error": "overloaded"}\n\n', "provider_error"),
        ('data: {"choices": [{"finish_reason": "error", "delta": {}}]}\n\n', "provider_error"),
        ("data: {not json}\n\n", "provider_protocol"),
        ('data: {"choices": [{"delta": {"content": 7}}]}\n\n', "provider_protocol"),
        ("data: " + "[" * 200_000 + "\n\n", "provider_protocol"),
        ("data: " + "x" * 10_000_000 + "\n\n", "provider_protocol"),
    ],
)
async def test_an_error_in_the_stream_ends_it_and_keeps_what_came_before(make: Make, fake: FakeModel, raw: str, reason: str) -> None:
    heard = Heard()
    fake.next(Script(raw='data: {"choices": [{"delta": {"content": "so far"}}]}\n\n' + raw))

    failure = await fails(make(timeouts=Timeouts()), heard)

    assert (failure.reason, failure.accepted, heard.text) == (reason, True, "so far")


async def test_an_error_object_of_the_fake_leaks_nothing(make: Make, fake: FakeModel) -> None:
    fake.next(Script(fault="error", at_chunk=3))

    assert (await fails(make())).reason == "provider_error"


class Recording(Patience, frozen=True):
    """Waits nothing, and notes when it was asked."""

    asked: list[int] = msgspec.field(default_factory=list[int])

    def wait_of(self, refusal: Refusal, retries_so_far: int, elapsed_seconds: float) -> float | None:
        self.asked.append(retries_so_far)
        wait = super().wait_of(refusal, retries_so_far, elapsed_seconds)
        return None if wait is None else 0


REFUSAL: Callable[..., Refusal] = lambda **facts: Refusal(ModelFailed("provider_error"), **facts)  # noqa: E731  # a name for a call that is long


@pytest.mark.parametrize(
    ("refusal", "retries", "elapsed", "least", "most"),
    [
        (REFUSAL(kind="connect"), 0, 0, 0.25, 0.75),
        (REFUSAL(kind="connect"), 1, 1, 0.5, 1.5),
        (REFUSAL(kind="busy", retry_after_seconds=7), 0, 1, 7, 7),
        (REFUSAL(kind="busy"), 1, 18, 0.5, 1.5),
    ],
)
def test_waits_double_with_jitter_and_give_way_to_what_the_provider_asks(refusal: Refusal, retries: int, elapsed: float, least: float, most: float) -> None:
    wait = Patience().wait_of(refusal, retries, elapsed)

    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize(
    ("refusal", "retries", "elapsed"),
    [
        (REFUSAL(kind="final"), 0, 0),
        (REFUSAL(kind="connect"), 2, 1),
        (REFUSAL(kind="connect"), 0, 10),
        (REFUSAL(kind="busy", retry_after_seconds=15), 1, 6),
    ],
)
def test_patience_has_an_end(refusal: Refusal, retries: int, elapsed: float) -> None:
    assert Patience().wait_of(refusal, retries, elapsed) is None


async def test_the_limits_are_those_of_the_settings(make: Make, fake: FakeModel) -> None:
    fake.next(Script(fault="hang_before_headers"))
    began = time.monotonic()

    await fails(make(timeouts=QUICK))

    assert 0.25 < time.monotonic() - began < 2
