"""Following a turn: any number of readers, from anywhere in it, and the same bytes for all of them."""

import asyncio
from uuid import UUID

import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.core.db import Database
from parlor.llm import Finished, TextDelta
from parlor.testing import Barrier, ScriptedModel
from parlor.turns import TurnEngine, TurnReader, TurnSettings
from parlor.turns.closing import TurnCloser
from parlor.turns.pausing import TurnPauser
from parlor.turns.unattended import UnattendedTurns
from tests.support.chat import Frame, answer_of, bytes_of, frames_of, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

FORGETFUL = {"turns.keep_logs_most": 0}
RICH = Script(
    reasoning=("let me", " think"),
    texts=tuple(f"{letter} " for letter in "añ🎉漢z"),
    tool_calls=(FakeToolCall(name="calculator", arguments='{"expression": "2+2"}'),),
    pace_seconds=0.005,
)


def _after(frames: list[Frame], number: int) -> bytes:
    return bytes_of([frame for frame in frames if frame.number > number])


@pytest.mark.parametrize("settings", [{}, FORGETFUL], ids=["from memory", "from the database"])
async def test_a_reader_that_comes_back_gets_exactly_the_rest(open_served: OpenServed, settings: dict[str, object]) -> None:
    """REL-02: from every number, byte for byte, whether the log is still in memory or not."""
    house = await open_served(settings=settings)
    house.fake.script("fake", RICH)
    ann = await house.person()
    async with ann.stream(await ann.new_session()) as reader:
        turn_id = reader.turn_id
        frames = await reader.rest()
    assert frames[-1].event == "turn.completed"
    engine = await house.get(TurnEngine)
    assert (engine.log_of(UUID(turn_id), UUID(ann.id)) is None) == bool(settings)
    for k in (0, *(frame.number for frame in frames)):
        assert await ann.replay(turn_id, k) == _after(frames, k), k
    assert await ann.replay(turn_id) == bytes_of(frames)
    by_query = await ann.client.get(f"/turns/{turn_id}/events", params={"after": frames[4].number})
    assert by_query.content == _after(frames, frames[4].number)


@pytest.mark.parametrize("k", [1, 2, 5])
async def test_a_reader_that_drops_in_the_middle_resumes_while_the_turn_runs(open_served: OpenServed, k: int) -> None:
    barrier, end = Barrier(), Barrier()
    house = await open_served(
        ScriptedModel([*(TextDelta(text=f"a{n} ") for n in range(5)), barrier, *(TextDelta(text=f"b{n} ") for n in range(5)), end, Finished(reason="stop")])
    )
    ann = await house.person()
    async with ann.stream(await ann.new_session()) as reader:
        turn_id = reader.turn_id
        first = await reader.read(k)
    async with ann.follow(turn_id, first[-1].number) as reader:
        await barrier.reached()
        barrier.open()
        await end.reached()
        end.open()
        rest = await reader.rest()
    assert [frame.number for frame in first + rest] == list(range(1, len(first + rest) + 1))
    assert bytes_of(first + rest) == await ann.replay(turn_id)
    assert text_of(first + rest) == "a0 a1 a2 a3 a4 b0 b1 b2 b3 b4 "


async def test_ten_readers_see_the_same_bytes(house: ServedHouse) -> None:
    house.fake.script("fake", Script(chunks=30, pace_seconds=0.01))
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())
    seen = await asyncio.gather(*(ann.replay(turn_id) for _ in range(10)))
    assert len(set(seen)) == 1
    assert text_of(frames_of(seen[0])) == "".join(f"w{n} " for n in range(30))


@pytest.mark.parametrize("k", [0, 1, 5, "last"])
async def test_a_client_that_leaves_does_not_stop_its_turn(house: ServedHouse, k: int | str) -> None:
    """REL-01."""
    house.fake.script("fake", Script(chunks=10, pace_seconds=0.02, usage={"prompt_tokens": 50, "completion_tokens": 10}))
    ann = await house.person()
    session_id = await ann.new_session()
    async with ann.stream(session_id) as reader:
        turn_id = reader.turn_id
        if k == "last":
            await reader.until("usage")
        elif k:
            await reader.read(int(k))
    frames = await ann.events(turn_id)
    assert frames[-1].event == "turn.completed"
    question, answer = await ann.messages(session_id)
    assert (answer_of(question), answer_of(answer)) == ("Hello?", "".join(f"w{n} " for n in range(10)))
    assert (await ann.turn(turn_id))["charge_micros"] == 50 + 30
    assert [entry["amount_micros"] for entry in await ann.charges()] == [-80]
    assert house.fake.count == 1


async def test_a_reader_that_does_not_read_is_only_an_index(open_served: OpenServed) -> None:
    """REL-14: however much the model says, a hundred readers that do not read hold one small piece and a number each, and no queue."""
    barrier = Barrier()
    model = ScriptedModel([TextDelta(text="first"), barrier, *(TextDelta(text=f"{n:05} ") for n in range(5000)), Finished(reason="stop")])
    house = await open_served(model)
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())
    await barrier.reached()
    readers, row = await house.get(TurnReader), await ann.turn(turn_id)
    lazy = [await readers.follow(UUID(turn_id), UUID(ann.id)) for _ in range(100)]
    pieces = [await anext(each) for each in lazy]
    barrier.open()
    await readers.ended(UUID(turn_id), UUID(ann.id), seconds=20)
    assert (await ann.turn(turn_id))["state"] == "completed" != row["state"]
    for each, piece in zip(lazy, pieces, strict=True):
        held = each.ag_frame.f_locals  # type: ignore[attr-defined]
        assert {name for name, value in held.items() if isinstance(value, (list, dict, set, asyncio.Queue))} == set()
        assert isinstance(held["index"], int)
        assert held["frames"] is piece
    whole = await ann.replay(turn_id)
    for each, piece in zip(lazy[:3], pieces, strict=False):
        rest = [more async for more in each]
        assert piece + b"".join(rest) == whole
        assert max(map(len, rest)) < 250_000, "one write carries no more than a thousand events"
    for each in lazy[3:]:
        await each.aclose()  # type: ignore[attr-defined]


async def test_a_cursor_that_was_never_given_out_is_refused(house: ServedHouse) -> None:
    """BAD-81."""
    house.fake.script("fake", Script(chunks=5))
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    last = (await ann.events(turn["id"]))[-1].number
    for forged in ("abc", "-1", "1.5", "1e3", "٣", "9" * 30, "+1", "0x1", f"{last + 1}", "999999", "1000001", "5 or 1=1"):
        async with ann.follow(turn["id"], forged.encode()) as reader:
            assert reader.status == 400, forged
            assert reader.response.json()["code"] == "chat.bad_event_id"
        by_query = await ann.client.get(f"/turns/{turn['id']}/events", params={"after": forged})
        assert by_query.status_code == 400, forged


async def test_a_cursor_beyond_a_running_turn_is_refused(house: ServedHouse) -> None:
    house.fake.script("fake", Script(chunks=1000, pace_seconds=0.02))
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())
    async with ann.follow(turn_id, 5000) as reader:
        assert reader.status == 400
    await ann.stop(turn_id)


async def test_the_turns_of_others_are_not_there(house: ServedHouse) -> None:
    """SEC-07: the same answer as for a turn that never was."""
    ann, bob = await house.person(), await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    missing = "01890000-0000-7000-8000-000000000000"
    for path in ("/turns/{}", "/turns/{}/events"):
        theirs, nobodys = await bob.client.get(path.format(turn["id"])), await bob.client.get(path.format(missing))
        assert (theirs.status_code, theirs.json()["code"]) == (404, "chat.no_such_turn")
        assert {**theirs.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}
    assert (await bob.client.post(f"/turns/{turn['id']}/stop")).status_code == 404
    assert (await bob.client.get("/turns/not-an-id")).status_code == 422


async def test_a_second_server_serves_a_turn_that_runs_elsewhere_to_its_end(open_served: OpenServed) -> None:
    """What the first has stored comes from the database, once a checkpoint; the terminal event ends the reading."""
    house = await open_served()
    house.fake.script("fake", Script(chunks=20, pace_seconds=0.02))
    ann = await house.person()
    turn_id = await ann.send(await ann.new_session())
    db = await house.get(Database)
    idle = TurnEngine(db, await house.get(TurnCloser), await house.get(TurnPauser), TurnSettings())
    elsewhere = TurnReader(db, idle, await house.get(UnattendedTurns))
    pieces = [piece async for piece in await elsewhere.follow(UUID(turn_id), UUID(ann.id))]
    assert b"".join(pieces) == await ann.replay(turn_id)
