"""A server that dies between the summary of a conversation and the answer."""

import asyncio
from uuid import UUID

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.db import Database
from parlor.turns import MemoryCompacted
from parlor.turns.queries import events_after
from tests.faults.conftest import StartServer, until_over, violations
from tests.support.chat import signed_up
from tests.support.history import complaints_about

pytestmark = pytest.mark.either_engine

SETTINGS = {"PARLOR_CHAT__HISTORY_PAIRS": "2", "PARLOR_CHAT__COMPACTION_KEEP_PAIRS": "1", "PARLOR_CHAT__SUMMARY_MODEL": "main/summary"}


async def test_a_summary_that_was_stored_outlives_the_server_and_is_paid_for_once(start_server: StartServer, db: Database, fake: FakeModel) -> None:
    fake.script("fake", Script(texts=("ok",)))
    fake.script("summary", Script(texts=("They spoke of quinces.",)))
    server = await start_server(**SETTINGS)
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        for number in range(3):
            await ann.ask(session_id, f"question {number}")
        fake.script("fake", Script(fault="hang_before_headers"))
        async with ann.stream(session_id, "question 3") as reader:
            turn_id = reader.turn_id
            await reader.until("memory.compacted")
            await _until_stored(db, UUID(turn_id))
            await server.kill()
        fake.script("fake", Script(texts=("ok",)))
        await server.start()
        ann.move_to(server.base_url)
        (turn,) = await until_over(ann, [turn_id])
        assert (turn["state"], turn["reason"]) == ("interrupted", "server_restart")
        answer = (await ann.messages(session_id))[-1]
        assert ([part["type"] for part in answer["parts"]], answer["status"]) == (["summary"], "interrupted")
        charge = (await ann.charges())[0]
        assert -charge["amount_micros"] == turn["charge_micros"] > 0
        await ann.ask(session_id, "question 4")
        shown = fake.requests[-1].body["messages"]
        assert "They spoke of quinces." in shown[0]["content"]
        assert [message["content"] for message in shown[1:]] == ["question 2", "ok", "question 3\n\nquestion 4"]
        assert complaints_about(shown) == []
        assert [seen.body["model"] for seen in fake.requests].count("summary") == 1
        assert (await ann.wallet())["held_micros"] == 0
        assert await violations(db) == []


async def _until_stored(db: Database, turn_id: UUID) -> None:
    async with asyncio.timeout(10):
        while not any(isinstance(event, MemoryCompacted) for _, event in await db.read(lambda tx: events_after(tx, turn_id, 0))):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # another process stores it: there is no event to wait for
