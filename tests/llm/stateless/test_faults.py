"""What goes wrong with a stateless call: a problem before the first byte, an event after it, and the charge for what was said (RELIABILITY 4d, REL-08)."""

import asyncio
from uuid import UUID

import pytest

from bench.fake_model import Script
from parlor.core.db import Database
from parlor.llm import ModelGate, ModelMessage, ModelRequest, TextDelta, estimate_tokens, request_tokens
from parlor.testing import Barrier, ScriptedModel, says
from parlor.wallet import WalletService
from tests.llm.stateless.callers import HELLO, ask, opened, spent
from tests.support.chat import Person, frames_of, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

PROMPT = request_tokens(ModelRequest([ModelMessage("user", HELLO["message"])]))
NOW = {"Retry-After": "0"}
WORDS = ["a ", "few ", "words ", "more"]

BEFORE = [
    (Script(status=500), "provider_error"),
    (Script(status=429, headers=NOW), "provider_rate_limited"),
    (Script(status=401), "provider_error"),
    (Script(fault="garbage"), "provider_protocol"),
]
"""Nothing was taken, so nothing is charged."""


async def grant(house: ServedHouse, person: Person, amount_micros: int) -> None:
    wallet, db = await house.get(WalletService), await house.get(Database)
    await db.write(lambda tx: wallet.grant(tx, UUID(person.id), amount_micros, reference=f"test {person.id} {amount_micros}"))


async def test_a_provider_that_takes_nothing_is_a_problem_in_either_form_and_free(house: ServedHouse) -> None:
    ann = await house.person()
    for script, reason in BEFORE:
        house.fake.script("fake", script)
        plain = await ask(ann)
        async with opened(ann) as reader:
            problems = [plain.json(), reader.response.json()]
        for problem in problems:
            assert (problem["status"], problem["code"], problem["reason"], problem["charge_micros"]) == (503, "llm.model_failed", reason, 0)
        assert await spent(ann) == 0, script


async def test_a_provider_that_is_not_there_is_a_problem(open_served: OpenServed) -> None:
    house = await open_served(settings={"llm.providers": {"main": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}, "llm.models": {"main/fake": {}}})
    ann = await house.person()
    refused = await ask(ann)
    assert (refused.status_code, refused.json()["reason"]) == (503, "provider_unreachable")
    assert await spent(ann) == 0


@pytest.mark.parametrize("fault", ["fin", "error", "hang"])
async def test_an_answer_that_breaks_off_costs_the_prompt_and_what_was_said(open_served: OpenServed, fault: str) -> None:
    house = await open_served(settings={"llm.timeouts": {"idle_seconds": 0.3}})
    ann = await house.person()
    said = PROMPT + 3 * estimate_tokens("wordwordword")
    house.fake.script("fake", Script(text="word", fault=fault, at_chunk=4))  # type: ignore[arg-type]  # chunk 0 names the role
    plain = await ask(ann)
    assert (plain.status_code, plain.json()["charge_micros"], await spent(ann)) == (503, said, said)
    async with opened(ann) as reader:
        frames = frames_of(await reader.response.aread())
    assert (text_of(frames), frames[-1].event) == ("wordwordword", "failed")
    problem = frames[-1].data["problem"]
    assert (problem["status"], problem["code"], problem["charge_micros"]) == (503, "llm.model_failed", said)
    assert problem["request_id"] == reader.response.headers["x-request-id"]
    assert await spent(ann) == 2 * said


async def test_a_client_that_leaves_after_any_number_of_events_ends_the_call_and_pays_for_what_was_said(open_served: OpenServed) -> None:
    barriers = [Barrier() for _ in range(len(WORDS) + 1)]
    replies = [[*map(TextDelta, WORDS[:number]), barrier, *says("never")] for number, barrier in enumerate(barriers)]
    model = ScriptedModel(*replies)
    house = await open_served(model)
    ann, gate, total = await house.person(), await house.get(ModelGate), 0
    for number, barrier in enumerate(barriers):
        model.closed.clear()
        async with opened(ann) as reader:
            await barrier.reached()
            said = await reader.read(number) if number else []
        await asyncio.wait_for(model.closed.wait(), 10)
        await gate.close()
        assert (text_of(said), model.open_streams) == ("".join(WORDS[:number]), 0)
        total += PROMPT + (estimate_tokens("".join(WORDS[:number])) if number else 0)
        assert await spent(ann) == total, number


async def test_a_client_that_does_not_wait_for_the_whole_answer_ends_the_call(open_served: OpenServed) -> None:
    barrier = Barrier()
    model = ScriptedModel([TextDelta("word"), barrier, *says("never")])
    house = await open_served(model)
    ann = await house.person()
    asking = asyncio.create_task(ask(ann))
    await barrier.reached()
    asking.cancel()
    await asyncio.wait_for(model.closed.wait(), 10)
    await (await house.get(ModelGate)).close()
    assert await spent(ann) == PROMPT + estimate_tokens("word")


async def test_a_client_that_leaves_before_the_provider_answers_closes_its_connection(house: ServedHouse) -> None:
    ann = await house.person()
    house.fake.script("fake", Script(fault="hang_before_headers"))
    for number, form in enumerate((ask, streamed_start), 1):
        asking = asyncio.create_task(form(ann))
        seen = await house.fake.seen(number)
        asking.cancel()
        await asyncio.wait_for(seen.closed.wait(), 10)
    await (await house.get(ModelGate)).close()
    assert await spent(ann) == 0


async def streamed_start(person: Person) -> None:
    async with opened(person):
        pass


async def test_fifty_at_once_with_credit_for_three_are_three(open_served: OpenServed) -> None:
    """REL-06 for calls without a turn."""
    most = 100
    hold_micros = PROMPT + 3 * most
    house = await open_served(settings={"wallet.initial_bonus_micros": 0})
    ann = await house.person()
    await grant(house, ann, 3 * hold_micros + hold_micros // 2)
    house.fake.script("fake", Script(fault="hang_after_headers"))
    asking = [asyncio.create_task(ask(ann, **HELLO, params={"max_tokens": most})) for _ in range(50)]
    running = set(asking)
    while len(running) > 3:
        _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    refused = [task.result() for task in asking if task.done()]
    assert {(each.status_code, each.json()["code"]) for each in refused} == {(402, "wallet.insufficient_funds")}
    await house.fake.seen(3)
    wallet = await ann.wallet()
    assert (house.fake.count, wallet["held_micros"], wallet["available_micros"]) == (3, 3 * hold_micros, hold_micros // 2)
    for task in running:
        task.cancel()
    await asyncio.gather(*(asyncio.wait_for(seen.closed.wait(), 10) for seen in house.fake.requests))


async def test_another_model_that_answers_is_told_of_charged_and_not_kept(open_served: OpenServed) -> None:
    models = {"main/fake": {"fallbacks": ["main/bench-64"], "cache_seconds": 60}, "main/bench-64": {}}
    house = await open_served(settings={"llm.models": models})
    ann = await house.person()
    house.fake.script("fake", Script(status=500))
    async with opened(ann) as reader:
        frames = await reader.rest()
    assert frames[0].data == {"type": "model.fallback", "from": "main/fake", "to": "main/bench-64", "reason": "provider_error"}
    assert (text_of(frames), frames[-1].data["model"]) == ("token " * 64, "main/bench-64")
    for _ in range(2):
        reply = (await ask(ann)).json()
        assert (reply["model"], reply["cached"]) == ("main/bench-64", False)
    assert {charge["model"] for charge in await ann.charges()} == {"main/bench-64"}


async def test_who_cannot_pay_is_told_with_a_status_in_either_form(open_served: OpenServed) -> None:
    house = await open_served(settings={"wallet.initial_bonus_micros": 0})
    ann = await house.person()
    plain = await ask(ann)
    async with opened(ann) as reader:
        both = [plain.json(), reader.response.json()]
    assert [(each["status"], each["code"]) for each in both] == [(402, "wallet.insufficient_funds")] * 2
    assert house.fake.count == 0
