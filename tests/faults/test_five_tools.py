"""A turn of five tool calls, killed between any two of its steps: the session goes on (REL-22)."""

import asyncio
from pathlib import Path

import pytest

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.core.db import Database
from tests.faults.conftest import StartServer, until_over, violations
from tests.faults.test_recovery import with_slow_tool
from tests.support.chat import signed_up
from tests.support.history import complaints_about

TOOLS = 5
POINTS = [*(("model", step) for step in range(1, TOOLS + 2)), *(("tool", call) for call in range(1, TOOLS + 1))]
"""Killed while that call of the model, or of the tool, has begun and is not over. All but two with `--long`."""
SHORT = {("model", 4), ("tool", 3)}


def _script(where: str, number: int) -> list[Script]:
    """As far as the kill: the last one is what is caught in the act."""
    calls = number if where == "tool" else number - 1
    steps = [_calling(waits="false") for _ in range(calls)]
    return [*steps, Script(fault="hang_before_headers")] if where == "model" else [*steps[:-1], _calling(waits="true")]


def _calling(waits: str) -> Script:
    return Script(tool_calls=(FakeToolCall(name="slow", arguments=f'{{"waits": {waits}}}'),), calls_again=True)


async def _until(folder: Path, calls: int) -> None:
    marks = folder / "calls"
    async with asyncio.timeout(20):
        while (marks.read_text().count("\n") if marks.exists() else 0) < calls:  # noqa: ASYNC110  # another process leaves them: there is no event
            await asyncio.sleep(0.02)


@pytest.mark.either_engine
@pytest.mark.parametrize(("where", "number"), [pytest.param(*point, marks=() if point in SHORT else pytest.mark.long) for point in POINTS])
async def test_a_turn_may_be_killed_between_any_two_steps(
    start_server: StartServer, db: Database, fake: FakeModel, tmp_path: Path, where: str, number: int
) -> None:
    server = await start_server(**with_slow_tool(tmp_path))
    scripts = _script(where, number)
    fake.next(*scripts)
    calls = number if where == "tool" else number - 1
    async with signed_up(server.base_url) as ann:
        session_id = await ann.new_session()
        turn_id = await ann.send(session_id)
        await fake.seen(len(scripts))
        await _until(tmp_path, calls)
        await server.kill()
        await server.start()
        ann.move_to(server.base_url)
        (turn,) = await until_over(ann, [turn_id])
        assert turn["state"] == "interrupted"
        kinds = [part["type"] for message in await ann.messages(session_id) if message["role"] == "assistant" for part in message["parts"]]
        assert (kinds.count("tool_call"), kinds.count("tool_result")) == (calls, calls)
        again, _ = await ann.ask(session_id, "and now?")
        assert again["state"] == "completed"
        assert complaints_about(fake.requests[-1].body["messages"]) == []
        assert (tmp_path / "calls").read_text().count("\n") == calls if calls else not (tmp_path / "calls").exists(), "nothing is run again"
        assert (await ann.wallet())["held_micros"] == 0
        assert await violations(db) == []
