"""Whole turns with tools, over HTTP, through the protocol of each kind of provider."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from tests.support.chat import answer_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

KINDS = ("openai", "anthropic", "gemini", "ollama")
SENT_AGAIN = {
    "anthropic": '"signature":"c2lnbmVk"',
    "gemini": '"thoughtSignature":"dGhvdWdodA=="',
    "ollama": '"thinking":"hm"',
    "openai": '"reasoning_content":"hm"',
}
LOOP = Script(
    reasoning=("hm",),
    signature="c2lnbmVk",
    tool_calls=(
        FakeToolCall(name="calculator", arguments='{"expression":"17 * 23"}', id="c1", signature="dGhvdWdodA=="),
        FakeToolCall(name="calculator", arguments='{"expression":"1 / 0"}', id="c2"),
    ),
    texts=("It is ", "391."),
)


pytestmark = [pytest.mark.parametrize("engine", ["sqlite"], indirect=True), pytest.mark.either_engine]


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    async with FakeModel() as fake:
        fake.script("fake", LOOP)
        yield fake


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def house_of(open_served: OpenServed, provider: FakeModel, kind: str) -> ServedHouse:
    settings: dict[str, Any] = {"llm.providers": {"main": {"kind": kind, "base_url": provider.origin, "api_key": "sk-secret-canary"}}}
    return await open_served(settings=settings)


async def test_a_turn_calls_tools_and_answers_with_what_they_found(house_of: ServedHouse, provider: FakeModel, kind: str) -> None:
    ann = await house_of.person()

    turn, message = await ann.ask(await ann.new_session(), "17 * 23?")

    assert (turn["state"], turn["model"]) == ("completed", "main/fake")
    asked = [part["call_id"] for part in message["parts"] if part["type"] == "tool_call"]
    results = [part for part in message["parts"] if part["type"] == "tool_result"]
    first, second = sorted(results, key=lambda part: asked.index(part["call_id"]))  # they stand in the order in which they came
    assert first["result"]["value"] == 391
    assert "zero" in second["error"]
    assert answer_of(message) == "It is 391."
    assert turn["usage"]["output_tokens"] == 4
    assert turn["charge_micros"] > 0
    assert provider.count == 2
    sent = str(provider.requests[1].body).replace("'", '"').replace(": ", ":")
    assert SENT_AGAIN[kind] in sent, "what the provider wants to see again within the loop"


async def test_a_second_question_shows_the_first_turn_with_its_tools(house_of: ServedHouse, provider: FakeModel) -> None:
    """A new call of the same tool gets past ids that providers gave twice, and nothing of the old loop's state is needed."""
    ann = await house_of.person()
    session_id = await ann.new_session()
    await ann.ask(session_id, "17 * 23?")

    turn, message = await ann.ask(session_id, "And again?")

    assert (turn["state"], answer_of(message)) == ("completed", "It is 391.")
    assert str(provider.requests[2].body).count("17 * 23?") == 1
    assert provider.count == 4


FAULTS = (
    (Script(status=401), "provider_error"),
    (Script(status=429, headers={"Retry-After": "60"}), "provider_rate_limited"),
    (Script(fault="rst", at_chunk=4, pace_seconds=0.005), "provider_protocol"),
    (Script(fault="error", at_chunk=4), "provider_error"),
    (Script(body="<html>log in</html>", content_type="text/html"), "provider_protocol"),
)


async def test_a_fault_after_a_tool_fails_the_turn_and_keeps_what_came(house_of: ServedHouse, provider: FakeModel) -> None:
    """The right end, at least the first step charged, and nothing of what the provider wrote."""
    ann = await house_of.person()
    session_id = await ann.new_session()
    for script, reason in FAULTS:
        provider.next(LOOP, script)
        turn, message = await ann.ask(session_id, "17 * 23?")
        assert (turn["state"], turn["reason"]) == ("failed", reason)
        assert sum(part["type"] == "tool_result" for part in message["parts"]) == 2
        assert turn["charge_micros"] > 0
        assert b"canary" not in await ann.replay(turn["id"])


async def test_stopping_a_turn_closes_the_connection_to_the_provider(house_of: ServedHouse, provider: FakeModel, kind: str) -> None:
    ann = await house_of.person()
    turn_id = await ann.send(await ann.new_session(), "On and on?", model="main/endless")
    seen = await provider.seen()

    await ann.stop(turn_id)

    await ann.replay(turn_id)
    assert (await ann.turn(turn_id))["state"] == "stopped"
    await seen.closed.wait()
    assert seen.closed_by_peer
