"""The researcher of the examples, served: what a graph asks outlives the server, and so does what it remembers."""

import shutil
from pathlib import Path

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.db import Database
from tests.faults.conftest import StartServer, violations
from tests.support.chat import answer_of, frames_of, signed_up, text_of
from tests.support.history import complaints_about

pytestmark = pytest.mark.either_engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "langgraph"


async def test_a_graph_goes_on_after_the_death_of_the_server_that_ran_it(start_server: StartServer, db: Database, fake: FakeModel, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    server = await start_server(PARLOR_CONFIG=str(tmp_path / "parlor.toml"))
    fake.next(
        Script(tool_calls=(FakeToolCall(name="search_notes", arguments='{"words": "bridge"}'),)),
        Script(tool_calls=(FakeToolCall(name="save_note", arguments='{"name": "Lengths", "text": "428 metres"}'),), calls_again=True),
    )
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session(agent="researcher")
        turn, _ = await ann.ask(session_id, "How much longer?")
        (question,) = turn["pending"]
        assert (question["kind"], question["tool"], (tmp_path / "notes" / "lengths.md").exists()) == ("approval", "save_note", False)
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        reply = await ann.client.post(f"/turns/{turn['id']}/answers/{question['id']}", json={"decision": "approve"})
        assert reply.status_code == 200, reply.text
        frames = frames_of(await ann.replay(turn["id"]))
        assert ((await ann.turn(turn["id"]))["state"], (tmp_path / "notes" / "lengths.md").read_text()) == ("completed", "428 metres\n")
        assert text_of(frames) == answer_of((await ann.messages(session_id))[-1]) != ""
        _, answer = await ann.ask(session_id, "And the ferry?")
        assert answer_of(answer)
        messages = fake.requests[-1].body["messages"]
        assert complaints_about(messages) == []
        assert [message["role"] for message in messages].count("tool") == 2
        assert await violations(db) == []
