"""An orderly end, a second server where there may be only one, and a command beside a busy server."""

import asyncio
import signal
import time

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.db import Database
from tests.faults.conftest import StartServer, until_over, violations
from tests.support.chat import Frame, Person, signed_up, text_of
from tests.support.server import ParlorServer

pytestmark = pytest.mark.either_engine

STREAMS = 20


async def _open_streams(person: Person, count: int, seen: list[list[Frame]], begun: asyncio.Semaphore) -> list["asyncio.Task[None]"]:
    async def talk(frames: list[Frame]) -> None:
        async with person.stream(await person.new_session()) as reader:
            async for frame in reader.frames():
                frames.append(frame)
                if frame.event == "text.delta":
                    begun.release()

    seen += [[] for _ in range(count)]
    return [asyncio.create_task(talk(frames)) for frames in seen]


@pytest.mark.parametrize(("chunks", "state"), [(60, "completed"), (5000, "interrupted")])
async def test_a_server_that_is_told_to_end_ends_its_turns_first(start_server: StartServer, db: Database, fake: FakeModel, chunks: int, state: str) -> None:
    """REL-26: twenty streams get their terminal event, the exit code is 0, and nothing waits for recovery."""
    fake.script("fake", Script(chunks=chunks, pace_seconds=0.03))
    server = await start_server(PARLOR_TURNS__DRAIN_SECONDS="1" if state == "interrupted" else "20")
    async with signed_up(server.base_url) as ann:
        seen: list[list[Frame]] = []
        begun = asyncio.Semaphore(0)
        streams = await _open_streams(ann, STREAMS, seen, begun)
        for _ in range(STREAMS * 2):
            await begun.acquire()
        server.send(signal.SIGTERM)
        assert await server.ended(30) == 0, server.log
        await asyncio.gather(*streams)
        assert {frames[-1].event for frames in seen} == {f"turn.{state}"}
        if state == "interrupted":
            assert {frames[-1].data["problem"]["reason"] for frames in seen} == {"server_restart"}
        assert await violations(db) == []
        await server.start()
        ann.move_to(server.base_url)
        for frames in seen[:3]:
            turn = await ann.turn(frames[0].data["turn_id"])
            assert turn["state"] == state
            _, answer = await ann.messages(turn["session_id"])
            assert "".join(part["text"] for part in answer["parts"]) == text_of(frames)


async def test_a_server_that_is_ending_takes_no_new_questions(start_server: StartServer, fake: FakeModel) -> None:
    fake.script("fake", Script(chunks=400, pace_seconds=0.02))
    server = await start_server(PARLOR_TURNS__DRAIN_SECONDS="3")
    async with signed_up(server.base_url) as ann:
        session_id, other_id = await ann.new_session(), await ann.new_session()
        async with ann.stream(session_id) as reader:
            await reader.until("text.delta")
            server.send(signal.SIGTERM)
            refused = await _until_refused(ann, other_id)
            assert refused in (None, "server.shutting_down")
        assert await server.ended(30) == 0


async def _until_refused(person: Person, session_id: str) -> str | None:
    """The code of the refusal; None when the server does not even take connections any more."""
    import httpx2

    async with asyncio.timeout(5):
        while True:
            try:
                reply = await person.post(session_id, "me too")
            except httpx2.TransportError:
                return None
            if reply.status_code == 503:
                assert int(reply.headers["retry-after"]) <= 2
                return reply.json()["code"]


async def test_a_second_server_on_the_same_data_directory_refuses(start_server: StartServer, engine: str) -> None:
    """BAD-98. On Postgres, too: the directory holds keys and files."""
    server = await start_server()
    code, said = await server.run("serve", "--port", "0")
    assert code != 0
    assert "Traceback" not in said
    assert str(server.folder / "data") in said, engine
    assert await server.is_healthy()


async def test_a_command_beside_a_busy_server_is_quick_and_never_locked_out(start_server: StartServer, db: Database, fake: FakeModel) -> None:
    """REL-12: the bound is generous, because the machine is busy; "locked" is what must never be said."""
    fake.script("fake", Script(chunks=20))
    server = await start_server()
    async with signed_up(server.base_url) as ann:
        is_over = asyncio.Event()

        async def chatter() -> int:
            session_id, turns = await ann.new_session(), 0
            while not is_over.is_set():
                turn, _ = await ann.ask(session_id)
                assert turn["state"] == "completed"
                turns += 1
            return turns

        busy = [asyncio.create_task(chatter()) for _ in range(4)]
        began = time.monotonic()
        for arguments in (("wallet", "show", ann.email), ("wallet", "verify")):
            code, said = await server.run(*arguments)
            assert "locked" not in said
            assert code == 0, said
        took_seconds = time.monotonic() - began
        is_over.set()
        turns = await asyncio.gather(*busy)
        assert min(turns) > 0
        assert took_seconds < 60
        assert await violations(db) == []


async def test_a_server_whose_leases_stop_being_renewed_loses_its_turns_to_another(
    start_server: StartServer, db: Database, fake: FakeModel, engine: str
) -> None:
    """INV-T5: frozen for longer than its lease, then thawed: the turn is somebody else's by then, and the zombie's upstream connection closes."""
    fake.script("fake", Script(chunks=5000, pace_seconds=0.02))
    first = await start_server("first")
    async with signed_up(first.base_url) as ann:
        session_id = await ann.new_session()
        async with ann.stream(session_id) as reader:
            turn_id = reader.turn_id
            seen = await reader.until("text.delta", 20)
            first.send(signal.SIGSTOP)
            other = await _successor(start_server, first, engine)
            ann.move_to(other.base_url)
            (turn,) = await until_over(ann, [turn_id])
            assert turn["state"] == "interrupted"
            before = (await ann.replay(turn_id), await ann.messages(session_id), await ann.wallet())
            first.send(signal.SIGCONT)
            upstream = await fake.seen()
            await asyncio.wait_for(upstream.closed.wait(), 10)
        assert text_of(seen)
        ann.client.base_url = f"{other.base_url}/api/v1"
        after = (await ann.replay(turn_id), await ann.messages(session_id), await ann.wallet())
        assert after == before
        assert await violations(db) == []
        if engine == "postgres":
            await first.has_logged("turn.fenced")
            assert "Traceback" not in first.log


async def _successor(start_server: StartServer, first: ParlorServer, engine: str) -> ParlorServer:
    """Another server on the same database. SQLite has one server: there the frozen one must be given up, as an operator would."""
    if engine == "postgres":
        return await start_server("second")
    await first.kill()
    return await first.start()
