"""What one crash at one chosen moment leaves behind, and what the next start makes of it."""

import asyncio
from pathlib import Path
from uuid import UUID

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.db import Database
from parlor.llm import estimate_tokens
from parlor.turns.queries import steps_of
from tests.faults.conftest import StartServer, until_over, violations
from tests.support.chat import answer_of, frames_of, signed_up, text_of
from tests.support.history import complaints_about

SLOW_TOOL = '''
import asyncio
from pathlib import Path

from parlor.module import Module

FOLDER = Path({folder!r})


class Slow:
    """Marks that it has begun; marks that it is done; then waits for ever, or not."""

    name, description = "slow", "Leaves a mark, and takes its time."
    parameters = {{"type": "object", "properties": {{"waits": {{"type": "boolean"}}}}}}

    async def call(self, arguments, context):
        with open(FOLDER / "calls", "a") as calls:
            calls.write(context.call_id + "\\n")
        if arguments.get("waits"):
            await asyncio.sleep(3600)
        return {{"effect": "done"}}


module = Module("slowness", tools=lambda: (Slow(),))
'''


def with_slow_tool(folder: Path) -> dict[str, str]:
    """Settings of a server that has a tool which can be caught in the act."""
    modules = folder / "modules"
    modules.mkdir()
    (modules / "slowness.py").write_text(SLOW_TOOL.format(folder=str(folder)))
    (folder / "parlor.toml").write_text('[agents.assistant]\ntools = ["*"]\n')
    return {"PARLOR_MODULES__DIR": str(modules), "PARLOR_CONFIG": str(folder / "parlor.toml")}


async def _until_called(folder: Path) -> None:
    async with asyncio.timeout(10):
        while not (folder / "calls").exists():  # noqa: ASYNC110  # see below
            await asyncio.sleep(0.02)  # another process leaves the mark: there is no event to wait for


async def test_what_was_said_a_second_before_the_crash_is_kept_and_marked(start_server: StartServer, db: Database, fake: FakeModel) -> None:
    """INV-T6, INV-T8: only the last second may be missing, and the same key still means the same turn."""
    fake.script("fake", Script(chunks=2000, pace_seconds=0.05))
    server = await start_server()
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        async with ann.stream(session_id, "tell me", key="k") as reader:
            turn_id = reader.turn_id
            seen = await reader.until("text.delta", 40)
            await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        (turn,) = await until_over(ann, [turn_id])
        assert (turn["state"], turn["reason"]) == ("interrupted", "server_restart")
        frames = frames_of(await ann.replay(turn_id))
        text, said = text_of(frames), text_of(seen)
        assert said.startswith(text) or text.startswith(said)
        assert text.count("w") >= 40 - 20, "more than the last second is lost"
        assert (frames[-1].event, frames[-1].number) == ("turn.interrupted", 1_000_001)
        assert frames[-1].data["problem"]["reason"] == "server_restart"
        question, answer = await ann.messages(session_id)
        assert (answer_of(question), answer_of(answer), answer["status"]) == ("tell me", text, "interrupted")
        prompt_tokens = next(frame.data["prompt_tokens"] for frame in frames if frame.event == "step.started")
        assert turn["charge_micros"] == prompt_tokens + 3 * estimate_tokens(text)
        assert await ann.replay(turn_id, seen[-1].number) == frames[-1].raw
        again = await ann.post(session_id, "tell me", key="k")
        assert (again.status_code, again.json()["turn"]["id"]) == (202, turn_id)
        fake.script("fake", Script())
        turn, _ = await ann.ask(session_id, "go on")
        assert turn["state"] == "completed"
        assert complaints_about(fake.requests[-1].body["messages"]) == []
        assert await violations(db) == []


async def test_a_crash_before_the_first_byte_costs_nothing(start_server: StartServer, db: Database, fake: FakeModel) -> None:
    fake.script("fake", Script(fault="hang_after_headers"))
    server = await start_server()
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        before = await ann.wallet()
        turn_id = await ann.send(session_id)
        await fake.seen()
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        (turn,) = await until_over(ann, [turn_id])
        assert (turn["state"], turn["charge_micros"]) == ("interrupted", 0)
        assert await ann.wallet() == before
        assert len(await ann.messages(session_id)) == 1
        assert await violations(db) == []


async def test_a_tool_call_that_a_crash_caught_is_never_run_again(start_server: StartServer, db: Database, fake: FakeModel, tmp_path: Path) -> None:
    """REL-22, REL-23: its outcome is unknown, the model is told so, and the conversation goes on."""
    server = await start_server(**with_slow_tool(tmp_path))
    fake.next(Script(tool_calls=(FakeToolCall(name="slow", arguments='{"waits": true}'),)))
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        turn_id = await ann.send(session_id)
        await _until_called(tmp_path)
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        await until_over(ann, [turn_id])
        (step,) = await db.read(lambda tx: steps_of(tx, UUID(turn_id)))
        assert (step.state, step.outcome) == ("unknown_outcome", None)
        _, answer = await ann.messages(session_id)
        assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result"]
        assert "unknown" in answer["parts"][1]["error"]
        kinds = [frame.event for frame in await ann.events(turn_id)]
        assert kinds[-3:] == ["tool.called", "tool.result", "turn.interrupted"]
        turn, _ = await ann.ask(session_id, "and now?")
        assert turn["state"] == "completed"
        assert complaints_about(fake.requests[-1].body["messages"]) == []
        assert (tmp_path / "calls").read_text().count("\n") == 1
        assert await violations(db) == []


async def test_the_result_of_a_tool_survives_a_crash_right_after_it(start_server: StartServer, db: Database, fake: FakeModel, tmp_path: Path) -> None:
    """INV-T6: the log is stored now and then, the rows of tool calls at once; here the log never was."""
    server = await start_server(**with_slow_tool(tmp_path), PARLOR_TURNS__CHECKPOINT_SECONDS="1.5", PARLOR_TURNS__RENEW_SECONDS="0.5")
    call = FakeToolCall(name="slow", arguments='{"waits": false}')
    fake.next(Script(tool_calls=(call,)), Script(fault="hang_before_headers"))
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        turn_id = await ann.send(session_id)
        await fake.seen(2)
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        (turn,) = await until_over(ann, [turn_id])
        _, answer = await ann.messages(session_id)
        assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result"]
        assert answer["parts"][1]["result"] == {"effect": "done"}
        frames = await ann.events(turn_id)
        assert [frame.data.get("result") for frame in frames if frame.event == "tool.result"] == [{"effect": "done"}]
        (usage,) = [frame.data for frame in frames if frame.event == "usage"]
        assert turn["charge_micros"] == usage["input_tokens"] + 3 * usage["output_tokens"] > 0, "the step that asked for the tool was paid for"
        assert await violations(db) == []
