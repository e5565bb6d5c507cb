"""kill -9 in the middle of everything, then a start: nothing that was acknowledged is lost, nothing stays half done (INV-T1..T8, INV-M1..M5)."""

import asyncio
import random
from typing import Any

import httpx2
import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.db import Database
from parlor.llm import estimate_tokens
from tests.faults.conftest import StartServer, until_over, violations
from tests.support.chat import Person, Reader, answer_of, frames_of, signed_up, text_of
from tests.support.server import ParlorServer

TURNS = 50


async def _sign_in_again(server: ParlorServer, person: Person) -> Person:
    """The token outlives the server; only the address is new."""
    person.client.base_url = f"{server.base_url}/api/v1"
    return person


async def _read_until_it_breaks(reader: Reader, seen: list[Any]) -> None:
    try:
        async for frame in reader.frames():
            seen.append(frame)
    except httpx2.TransportError:
        pass


async def _talk(person: Person, number: int, acknowledged: dict[str, tuple[str, str]], seen: dict[str, list[Any]], pause: float) -> None:
    """One question in a session of its own, at a moment of its own. What the server acknowledged is noted at that moment."""
    await asyncio.sleep(pause)
    try:
        session_id = await person.new_session()
        content = f"question {number}"
        async with person.stream(session_id, content) as reader:
            acknowledged[reader.turn_id] = (session_id, content)
            await _read_until_it_breaks(reader, seen.setdefault(reader.turn_id, []))
    except httpx2.TransportError:
        pass


async def _kill_at_a_random_moment(start_server: StartServer, db: Database, fake: FakeModel, seed: int) -> None:
    """Fifty turns begin within a second and answer for about as long; the server dies somewhere in that."""
    dice = random.Random(seed)
    fake.script("fake", Script(chunks=24, pace_seconds=0.04))
    server = await start_server()
    async with signed_up(server.base_url) as ann:
        acknowledged: dict[str, tuple[str, str]] = {}
        seen: dict[str, list[Any]] = {}
        talks = [asyncio.create_task(_talk(ann, number, acknowledged, seen, dice.uniform(0, 1.0))) for number in range(TURNS)]
        await asyncio.sleep(dice.uniform(0.6, 2.4))
        await server.kill()
        await asyncio.gather(*talks)
        await server.start()
        ann = await _sign_in_again(server, ann)
        turns = await until_over(ann, list(acknowledged))
        assert len(acknowledged) > 5, "the server died before anything happened"
        for turn in turns:
            session_id, content = acknowledged[turn["id"]]
            await _check_turn(ann, turn, session_id, content, seen[turn["id"]])
        assert await violations(db) == []
        code, said = await server.run("wallet", "verify")
        assert code == 0, said
        assert (await ann.wallet())["held_micros"] == 0


async def _check_turn(ann: Person, turn: dict[str, Any], session_id: str, content: str, seen: list[Any]) -> None:
    question, *answers = await ann.messages(session_id)
    assert answer_of(question) == content
    stored = frames_of(await ann.replay(turn["id"]))
    assert stored[-1].event == f"turn.{turn['state']}"
    text = text_of(stored)
    assert "".join(answer_of(answer) for answer in answers) == text
    if turn["state"] == "completed":
        assert text == "".join(f"w{n} " for n in range(24))
        assert stored[: len(seen)] == seen
        return
    assert (turn["state"], turn["reason"]) == ("interrupted", "server_restart")
    assert [answer["status"] for answer in answers] == (["interrupted"] if text else [])
    said = text_of(seen)
    assert said.startswith(text) or text.startswith(said)
    assert stored[-1].number > max((frame.number for frame in seen), default=0)
    prompt_tokens = next((frame.data["prompt_tokens"] for frame in stored if frame.event == "step.started"), 0)
    assert turn["charge_micros"] == (prompt_tokens + 3 * estimate_tokens(text) if text else 0)


@pytest.mark.parametrize("seed", [1])
async def test_a_killed_server_loses_no_acknowledged_question_and_ends_every_turn(start_server: StartServer, db: Database, fake: FakeModel, seed: int) -> None:
    """REL-03, INV-T1, INV-T4, INV-T8."""
    await _kill_at_a_random_moment(start_server, db, fake, seed)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2, 12))
async def test_ten_more_kills_lose_nothing_either(start_server: StartServer, db: Database, fake: FakeModel, seed: int) -> None:
    await _kill_at_a_random_moment(start_server, db, fake, seed)


