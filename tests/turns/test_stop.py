"""Stop: the provider hears of it within a second, what was said is kept, and it is billed by the rule."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.core.db import Database
from parlor.llm import estimate_tokens
from parlor.testing import Barrier
from parlor.tools import ExecutionContext
from parlor.turns.queries import steps_of
from tests.support.chat import answer_of, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

ENDLESS = Script(chunks=20_000, pace_seconds=0.01)


class SlowTool:
    """A tool that waits at a barrier, and knows whether it was called off."""

    name = "slow"
    description = "Takes its time."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}}

    def __init__(self) -> None:
        self.barrier = Barrier()
        self.calls = 0
        self.was_cancelled = asyncio.Event()

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        self.calls += 1
        try:
            await self.barrier.wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise
        return {"done": True}


async def test_stop_closes_the_upstream_connection_and_keeps_what_was_said(house: ServedHouse) -> None:
    """REL-09."""
    house.fake.script("fake", ENDLESS)
    ann = await house.person()
    session_id = await ann.new_session()
    before = await ann.wallet()
    async with ann.stream(session_id) as reader:
        turn_id = reader.turn_id
        await reader.until("text.delta", 5)
    began = time.monotonic()
    turn = await ann.stop(turn_id)
    seen = await house.fake.seen()
    await asyncio.wait_for(seen.closed.wait(), 1)
    assert seen.closed_by_peer
    assert seen.closed_at is not None
    assert seen.closed_at - began < 1
    assert (turn["state"], turn["reason"]) == ("stopped", "stopped_by_user")
    frames = await ann.events(turn_id)
    assert frames[-1].event == "turn.stopped"
    text = text_of(frames)
    assert text.startswith("w0 w1 w2 w3 ")
    _, answer = await ann.messages(session_id)
    assert (answer_of(answer), answer["status"]) == (text, "stopped")
    prompt_tokens = next(frame.data["prompt_tokens"] for frame in frames if frame.event == "step.started")
    assert turn["charge_micros"] == frames[-1].data["charge_micros"] == prompt_tokens + 3 * estimate_tokens(text)
    after = await ann.wallet()
    assert (after["held_micros"], after["available_micros"]) == (0, before["available_micros"] - turn["charge_micros"])


async def test_stopping_twice_or_a_turn_that_is_over_changes_nothing(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.next(ENDLESS)
    session_id = await ann.new_session()
    turn_id = await ann.send(session_id)
    first = await ann.stop(turn_id)
    assert await ann.stop(turn_id) == first
    done, _ = await ann.ask(session_id)
    assert await ann.stop(done["id"]) == done
    assert (await ann.turn(done["id"]))["state"] == "completed"
    assert len(await ann.charges()) == 1 + bool(first["charge_micros"])


async def test_twenty_stops_at_once_end_it_once(house: ServedHouse) -> None:
    house.fake.script("fake", ENDLESS)
    ann = await house.person()
    async with ann.stream(await ann.new_session()) as reader:
        turn_id = reader.turn_id
        await reader.until("text.delta")
    stopped = await asyncio.gather(*(ann.stop(turn_id) for _ in range(20)))
    assert {turn["state"] for turn in stopped} == {"stopped"}
    assert len(await ann.charges()) == 1


@pytest.mark.parametrize(("fault", "is_charged"), [("hang_before_headers", False), ("hang_after_headers", True)])
async def test_stop_before_the_first_byte_charges_only_what_was_accepted(house: ServedHouse, fault: Any, is_charged: bool) -> None:
    house.fake.script("fake", Script(fault=fault))
    ann = await house.person()
    session_id = await ann.new_session()
    turn_id = await ann.send(session_id)
    seen = await house.fake.seen()
    if is_charged:
        await seen.answered.wait()
        await asyncio.sleep(0.2)  # the headers have left the provider: nothing tells when they have arrived
    turn = await ann.stop(turn_id)
    await asyncio.wait_for(seen.closed.wait(), 1)
    prompt_tokens = next(frame.data["prompt_tokens"] for frame in await ann.events(turn_id) if frame.event == "step.started")
    assert (turn["state"], turn["charge_micros"]) == ("stopped", prompt_tokens if is_charged else 0)
    assert len(await ann.messages(session_id)) == 1


async def test_stop_while_a_tool_runs_calls_the_tool_off_and_the_conversation_can_go_on(open_served: OpenServed) -> None:
    """REL-09, REL-22."""
    tool = SlowTool()
    house = await open_served(tools=[tool])
    house.fake.next(Script(tool_calls=(FakeToolCall(name="slow"),)))
    ann = await house.person()
    session_id = await ann.new_session()
    turn_id = await ann.send(session_id)
    await tool.barrier.reached()
    turn = await ann.stop(turn_id)
    assert turn["state"] == "stopped"
    assert tool.was_cancelled.is_set()
    _, answer = await ann.messages(session_id)
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result"]
    assert "unknown" in answer["parts"][1]["error"]
    assert [frame.event for frame in await ann.events(turn_id)][-3:] == ["tool.called", "tool.result", "turn.stopped"]
    (step,) = await (await house.get(Database)).read(lambda tx: steps_of(tx, UUID(turn_id)))
    assert step.state == "unknown_outcome"
    turn, _ = await ann.ask(session_id, "go on")
    assert turn["state"] == "completed"
    roles = [message["role"] for message in house.fake.requests[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]
    assert tool.calls == 1
