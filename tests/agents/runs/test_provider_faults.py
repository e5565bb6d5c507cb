"""The matrix of provider faults (4d): each fault, in the first step and after a tool, through the protocol of each kind of provider, in whole turns.

What must hold: the right end, exactly the charge of the rule (INV-M5), nothing of what the provider wrote, and no connection left open.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.llm import estimate_tokens
from parlor.tools import ExecutionContext
from tests.support.chat import Frame, Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

KEY = "sk-secret-canary"
SILENCE_SECONDS = 1.5
INPUT_MICROS, OUTPUT_MICROS = 1, 3
"""A token."""


@dataclass(frozen=True)
class Fault:
    """`is_taken`: the provider took the request, so that the prompt is paid for."""

    script: Script
    reason: str
    is_taken: bool = False


FAULTS: Mapping[str, Fault] = {
    **{f"status_{status}": Fault(Script(status=status), "provider_error") for status in (400, 401, 403, 404, 500, 502)},
    **{
        f"busy_{status}": Fault(Script(status=status, headers={"Retry-After": "60"}), "provider_rate_limited" if status == 429 else "provider_error")
        for status in (429, 503, 529)
    },
    "redirect": Fault(Script(status=302, headers={"Location": "http://127.0.0.1:9/"}), "provider_protocol"),
    "not_http": Fault(Script(fault="garbage"), "provider_protocol"),
    "login_page": Fault(Script(body="<html>log in</html>", content_type="text/html"), "provider_protocol", is_taken=True),
    "silent_before_headers": Fault(Script(fault="hang_before_headers"), "provider_unreachable"),
    "silent_after_headers": Fault(Script(fault="hang_after_headers"), "provider_unreachable", is_taken=True),
    "silent_within": Fault(Script(fault="hang", at_chunk=4), "provider_unreachable", is_taken=True),
    "closed_within": Fault(Script(fault="fin", at_chunk=4), "provider_protocol", is_taken=True),
    "reset_within": Fault(Script(fault="rst", at_chunk=4, pace_seconds=0.02), "provider_protocol", is_taken=True),
    "error_within": Fault(Script(fault="error", at_chunk=4), "provider_error", is_taken=True),
}


class Saboteur:
    """A tool after which the model of the turn is broken in the way that its name says."""

    name = "saboteur"
    description = "Breaks the model."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]}

    def __init__(self, provider: FakeModel) -> None:
        self._provider = provider

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        model = str(arguments["model"])
        self._provider.script(model, FAULTS[model.removeprefix("later_")].script)
        return {"broken": model}


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    async with FakeModel() as fake:
        for name, fault in FAULTS.items():
            fake.script(name, fault.script)
            call = FakeToolCall(name="saboteur", arguments=f'{{"model": "later_{name}"}}')
            fake.script(f"later_{name}", Script(tool_calls=(call,)))
        yield fake


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "ollama"])
async def test_every_fault_ends_its_turn_as_it_must(open_served: OpenServed, provider: FakeModel, kind: str) -> None:
    names = [*FAULTS, *(f"later_{name}" for name in FAULTS)]
    price = {"input_micros_per_mtok": INPUT_MICROS * 1_000_000, "output_micros_per_mtok": OUTPUT_MICROS * 1_000_000}
    house = await open_served(
        tools=[Saboteur(provider)],
        settings={
            "llm.providers": {"main": {"kind": kind, "base_url": provider.origin, "api_key": KEY}},
            "llm.models": {f"main/{name}": {"price": price} for name in names},
            "llm.timeouts": {"first_byte_seconds": SILENCE_SECONDS, "idle_seconds": SILENCE_SECONDS},
        },
    )
    ann = await house.person()

    wrong = [problem for problem in await asyncio.gather(*(problem_of(house, ann, name) for name in names)) if problem]

    assert wrong == []
    for seen in list(provider.requests):
        await asyncio.wait_for(_over(seen), 5)


async def _over(seen: Any) -> None:
    """An answer that was sent whole leaves its connection for the next one; every other one is closed."""
    if not seen.completed:
        await seen.closed.wait()


async def problem_of(house: ServedHouse, ann: Person, name: str) -> str:
    """What is wrong with the turn of this model; empty when nothing is."""
    fault = FAULTS[name.removeprefix("later_")]
    turn_id = await ann.send(await ann.new_session(), "Break it", model=f"main/{name}")
    events = await ann.events(turn_id)
    turn = await ann.turn(turn_id)
    found = {"state": turn["state"], "reason": turn["reason"], "charge": turn["charge_micros"]}
    expected = {"state": "failed", "reason": fault.reason, "charge": charge_of(events, is_taken=fault.is_taken)}
    said = b"".join(event.raw for event in events)
    leaks = [word for word in (KEY.encode(), b"canary") if word in said]
    has_tool = any(event.event == "tool.result" for event in events) == name.startswith("later_")
    return "" if found == expected and not leaks and has_tool else f"{name}: {found} and not {expected}; {leaks=} {has_tool=}"


def charge_of(events: list[Frame], *, is_taken: bool) -> int:
    """The rule, told by the events: steps that reported their usage cost that, the last one its estimated prompt and what it said if it was taken."""
    cost, prompt_tokens, said = 0, 0, ""
    for event in events:
        match event.event:
            case "step.started":
                prompt_tokens, said = event.data.get("prompt_tokens", 0), ""
            case "text.delta" | "reasoning.delta":
                said += event.data["text"]
            case "usage":
                cost = INPUT_MICROS * event.data["input_tokens"] + OUTPUT_MICROS * event.data["output_tokens"]
                prompt_tokens, said = 0, ""
            case _:
                pass
    return cost + (INPUT_MICROS * prompt_tokens + OUTPUT_MICROS * estimate_tokens(said) if is_taken else 0)
