"""kill -9 in the middle of everything, then a start: nothing that was acknowledged is lost, nothing stays half done (INV-T1..T8, INV-M1..M5)."""

import asyncio
import contextlib
import random
from typing import Any

import httpx2
import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.db import Database
from parlor.llm import estimate_tokens
from tests.faults.conftest import StartServer, until_over, violations
from tests.support.chat import Frame, Person, Reader, answer_of, frames_of, signed_up, text_of

TURNS = 50
CHUNKS = 24


class _Witness:
    """What the clients were told. `enough` is set once they have seen so many events together."""

    def __init__(self, enough_events: int) -> None:
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.seen: dict[str, list[Frame]] = {}
        self.enough = asyncio.Event()
        self._left = enough_events

    async def watch(self, reader: Reader) -> None:
        seen = self.seen.setdefault(reader.turn_id, [])
        with contextlib.suppress(httpx2.TransportError):
            async for frame in reader.frames():
                seen.append(frame)
                self._left -= 1
                if self._left <= 0:
                    self.enough.set()


async def _talk(person: Person, number: int, witness: _Witness, pause_seconds: float) -> None:
    """One question in a session of its own, at a moment of its own. What the server acknowledged is noted at that moment."""
    await asyncio.sleep(pause_seconds)
    with contextlib.suppress(httpx2.TransportError):
        session_id = await person.new_session()
        content = f"question {number}"
        async with person.stream(session_id, content) as reader:
            witness.acknowledged[reader.turn_id] = (session_id, content)
            await witness.watch(reader)


async def _kill_at_a_random_moment(start_server: StartServer, db: Database, fake: FakeModel, seed: int) -> None:
    """Fifty turns begin within a second and answer for about as long; the server dies somewhere in that."""
    dice = random.Random(seed)
    fake.script("fake", Script(chunks=CHUNKS, pace_seconds=0.04))
    server = await start_server()
    async with signed_up(server.base_url) as ann:
        witness = _Witness(dice.randint(20, TURNS * CHUNKS * 2 // 3))
        talks = [asyncio.create_task(_talk(ann, number, witness, dice.uniform(0, 1.0))) for number in range(TURNS)]
        await witness.enough.wait()
        await server.kill()
        await asyncio.gather(*talks)
        await server.start()
        ann.move_to(server.base_url)
        turns = await until_over(ann, list(witness.acknowledged))
        assert any(turn["state"] == "interrupted" for turn in turns)
        for turn in turns:
            await _check_turn(ann, turn, *witness.acknowledged[turn["id"]], witness.seen[turn["id"]])
        assert await violations(db) == []
        code, said = await server.run("wallet", "verify")
        assert code == 0, said
        assert (await ann.wallet())["held_micros"] == 0


async def _check_turn(ann: Person, turn: dict[str, Any], session_id: str, content: str, seen: list[Frame]) -> None:
    question, *answers = await ann.messages(session_id)
    assert answer_of(question) == content
    stored = frames_of(await ann.replay(turn["id"]))
    assert stored[-1].event == f"turn.{turn['state']}"
    text = text_of(stored)
    assert "".join(answer_of(answer) for answer in answers) == text
    if turn["state"] == "completed":
        assert text == "".join(f"w{n} " for n in range(CHUNKS))
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
