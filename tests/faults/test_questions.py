"""A question outlives the server that asked it."""

from pathlib import Path

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.db import Database
from tests.faults.conftest import StartServer, violations
from tests.faults.test_recovery import with_slow_tool
from tests.support.chat import frames_of, signed_up
from tests.support.history import complaints_about


async def test_a_question_is_answered_after_the_death_of_the_server_that_asked(
    start_server: StartServer, db: Database, fake: FakeModel, tmp_path: Path
) -> None:
    """REL-22: the next server runs the call once, goes on with the conversation, and charges for both halves together."""
    settings = with_slow_tool(tmp_path)
    with (tmp_path / "parlor.toml").open("a") as file:
        file.write('[tools.policy]\nslow = "ask"\n')
    server = await start_server(**settings)
    fake.next(Script(tool_calls=(FakeToolCall(name="slow", arguments="{}"),)))
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        turn, _ = await ann.ask(session_id, "do it")
        turn_id, (question,) = turn["id"], turn["pending"]
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        assert (await ann.turn(turn_id))["pending"] == [question]
        assert not (tmp_path / "calls").exists()
        reply = await ann.client.post(f"/turns/{turn_id}/answers/{question['id']}", json={"decision": "approve"})
        assert reply.status_code == 200, reply.text
        frames = frames_of(await ann.replay(turn_id))
        turn = await ann.turn(turn_id)
        assert (turn["state"], (tmp_path / "calls").read_text().count("\n")) == ("completed", 1)
        told = [frame.event for frame in frames if frame.event not in ("step.started", "text.delta", "usage")]
        assert told == ["turn.started", "tool.called", "question.asked", "question.answered", "tool.result", "turn.completed"]
        assert complaints_about(fake.requests[-1].body["messages"]) == []
        (charge,) = await ann.charges()
        assert -charge["amount_micros"] == turn["charge_micros"] > 0
        assert [part["type"] for part in (await ann.messages(session_id))[-1]["parts"]] == ["tool_call", "tool_result", "text"]
        assert await violations(db) == []
