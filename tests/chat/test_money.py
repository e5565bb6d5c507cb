"""Credit is set aside before anything is asked: whoever cannot pay is told so, and nobody spends twice what they have."""

import asyncio
from uuid import UUID

from bench.fake_model import Script
from parlor.core.db import Database
from parlor.llm import Finished, ToolCallDelta, Usage, UsageSeen
from parlor.testing import Barrier, ScriptedModel, says
from parlor.wallet import WalletService
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

POOR = {"wallet.initial_bonus_micros": 0}


async def _grant(house: ServedHouse, person: Person, amount_micros: int) -> None:
    wallet, db = await house.get(WalletService), await house.get(Database)
    await db.write(lambda tx: wallet.grant(tx, UUID(person.id), amount_micros, reference=f"test {person.id} {amount_micros}"))


async def _price_of_a_hold(house: ServedHouse, person: Person) -> int:
    """What the same question of somebody else sets aside: the same question holds the same amount."""
    house.fake.next(Script(fault="hang_before_headers"))
    turn_id = await person.send(await person.new_session())
    held_micros = (await person.wallet())["held_micros"]
    await person.stop(turn_id)
    return held_micros


async def test_fifty_turns_at_once_with_credit_for_three_are_three_turns(open_served: OpenServed) -> None:
    """REL-06: exactly 3 run and 47 are told that they cannot pay; what is available is never below zero."""
    house = await open_served(settings=POOR)
    rich, ann = await house.person(), await house.person()
    await _grant(house, rich, 1_000_000)
    hold_micros = await _price_of_a_hold(house, rich)
    await _grant(house, ann, 3 * hold_micros + hold_micros // 2)
    house.fake.script("fake", Script(fault="hang_after_headers"))
    sessions = [await ann.new_session() for _ in range(50)]
    asked = asyncio.gather(*(ann.post(session_id) for session_id in sessions))
    lowest = 0
    while not asked.done():
        lowest = min(lowest, (await ann.wallet())["available_micros"])
    replies = await asked
    assert sorted(reply.status_code for reply in replies) == [202] * 3 + [402] * 47
    assert {reply.json()["code"] for reply in replies if reply.status_code == 402} == {"wallet.insufficient_funds"}
    assert lowest == 0
    wallet = await ann.wallet()
    assert (wallet["held_micros"], wallet["available_micros"]) == (3 * hold_micros, hold_micros // 2)
    messages = [await ann.messages(session_id) for session_id in sessions]
    assert sorted(map(len, messages)) == [0] * 47 + [1] * 3, "a refused question is not kept"
    running = [reply.json()["turn"]["id"] for reply in replies if reply.status_code == 202]
    await asyncio.gather(*(ann.stop(turn_id) for turn_id in running))
    assert (await ann.wallet())["held_micros"] == 0


async def test_a_micro_credit_short_is_short_and_enough_is_enough(open_served: OpenServed) -> None:
    house = await open_served(settings=POOR)
    rich, ann = await house.person(), await house.person()
    await _grant(house, rich, 1_000_000)
    hold_micros = await _price_of_a_hold(house, rich)
    await _grant(house, ann, hold_micros - 1)
    session_id = await ann.new_session()
    refused = await ann.post(session_id)
    assert refused.status_code == 402
    assert (refused.json()["needed_micros"], refused.json()["available_micros"]) == (hold_micros, hold_micros - 1)
    assert house.fake.count == 1
    await _grant(house, ann, 1)
    assert (await ann.ask(session_id))[0]["state"] == "completed"


async def test_a_shorter_answer_needs_less_credit(open_served: OpenServed) -> None:
    house = await open_served(settings=POOR)
    ann = await house.person()
    await _grant(house, ann, 1_000)
    session_id = await ann.new_session()
    assert (await ann.post(session_id)).status_code == 402
    turn, _ = await ann.ask(session_id, params={"max_tokens": 20})
    assert turn["state"] == "completed"
    assert house.fake.requests[-1].body["max_tokens"] == 20


def _calls_calculator(number: int, usage: Usage) -> list[object]:
    return [ToolCallDelta(0, f"call_{number}", "calculator", '{"expression": "1+1"}'), UsageSeen(usage=usage), Finished(reason="tool_calls")]


async def test_each_further_step_is_held_for_before_it_begins(open_served: OpenServed) -> None:
    barrier = Barrier()
    second = [barrier, *_calls_calculator(2, Usage(3_000, 100))]
    house = await open_served(ScriptedModel(_calls_calculator(1, Usage(2_000, 100)), second, says("2", input_tokens=10, output_tokens=1)))  # type: ignore[arg-type]
    ann = await house.person()
    before = await ann.wallet()
    turn_id = await ann.send(await ann.new_session())
    await barrier.reached()
    held_micros = (await ann.wallet())["held_micros"]
    frames = [frame async for frame in _frames_until_step(ann, turn_id, 2)]
    second_prompt = frames[-1].data["prompt_tokens"]
    assert held_micros == 2_000 + 100 + second_prompt + 4096
    barrier.open()
    await ann.replay(turn_id)
    turn = await ann.turn(turn_id)
    assert turn["charge_micros"] == 2_000 + 100 + 3_000 + 100 + 10 + 1
    after = await ann.wallet()
    assert (after["held_micros"], after["available_micros"]) == (0, before["available_micros"] - turn["charge_micros"])


async def _frames_until_step(person: Person, turn_id: str, step: int):  # type: ignore[no-untyped-def]
    async with person.follow(turn_id) as reader:
        async for frame in reader.frames():
            yield frame
            if frame.event == "step.started" and frame.data["step"] == step:
                return


async def test_a_tool_loop_that_the_credit_does_not_cover_ends_and_is_billed_for_what_it_did(open_served: OpenServed) -> None:
    model = ScriptedModel(_calls_calculator(1, Usage(4_000, 200)), says("never asked"))  # type: ignore[arg-type]
    house = await open_served(model, settings=POOR)
    ann = await house.person()
    await _grant(house, ann, 5_000)
    session_id = await ann.new_session()
    turn, message = await ann.ask(session_id)
    assert (turn["state"], turn["reason"], turn["charge_micros"]) == ("failed", "credits_exhausted", 4_200)
    assert message["status"] == "failed"
    assert [part["type"] for part in message["parts"]] == ["tool_call", "tool_result"]
    assert len(model.requests) == 1
    assert await ann.wallet() == {**await ann.wallet(), "available_micros": 800, "held_micros": 0}


async def test_the_price_at_the_start_is_the_price_of_the_turn(house: ServedHouse) -> None:
    """The offline model is free, and still leaves a record of nothing charged."""
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(), "What is 6 * 7?", model="parlor/offline")
    assert (turn["state"], turn["charge_micros"]) == ("completed", 0)
    assert await ann.charges() == []
