"""The sweep: turns that lost their server are ended once, whoever finds them, and one that cannot be ended keeps nobody else from it."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, update

from bench.fake_model import Script
from parlor.core.db import Database, Id, Transaction, UtcTime, statement
from parlor.turns import TurnEngine
from parlor.turns.closing import TurnCloser
from parlor.turns.pausing import TurnPauser
from parlor.turns.queries import save_segment
from parlor.turns.settings import TurnSettings
from parlor.turns.sweep import TurnSweep
from parlor.turns.tables import Turn
from parlor.turns.unattended import UnattendedTurns
from parlor.wallet import Price, PriceBook
from parlor.wallet.tables import HoldRow
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

_expire = statement(update(Turn).where(Turn.id == bindparam("turn_id", type_=Id())).values(lease_expires_at=bindparam("then", type_=UtcTime())))
_drop_hold = statement(delete(HoldRow).where(HoldRow.turn_id == bindparam("turn_id", type_=Id())))

SLOW = {"turns.checkpoint_seconds": 30, "turns.sweep_seconds": 3600, "turns.drain_seconds": 0.5}
"""Nobody renews a lease or sweeps while the test looks on, and at the end nobody waits for turns that hang."""


async def _orphans(house: ServedHouse, person: Person, count: int) -> list[str]:
    """Running turns whose lease is over, as another server finds them."""
    house.fake.script("fake", Script(fault="hang_before_headers"))
    turn_ids = [await person.send(await person.new_session()) for _ in range(count)]

    def expire(tx: Transaction) -> None:
        for turn_id in turn_ids:
            tx.run(_expire, turn_id=UUID(turn_id), then=tx.now().replace(year=2000))

    await (await house.get(Database)).write(expire)
    return turn_ids


async def _elsewhere(house: ServedHouse) -> TurnSweep:
    """The sweep of another server on the same database."""
    db = await house.get(Database)
    engine = TurnEngine(db, await house.get(TurnCloser), await house.get(TurnPauser), TurnSettings())
    return TurnSweep(db, await house.get(UnattendedTurns), engine)


async def test_many_sweeps_at_once_end_each_turn_once(open_served: OpenServed) -> None:
    """INV-T5."""
    house = await open_served(settings=SLOW)
    ann = await house.person()
    turn_ids = await _orphans(house, ann, 5)
    sweeps = [await _elsewhere(house) for _ in range(4)]
    assert sum(await asyncio.gather(*(each.sweep() for each in sweeps))) == 5
    turns = [await ann.turn(turn_id) for turn_id in turn_ids]
    assert {(turn["state"], turn["reason"], turn["charge_micros"]) for turn in turns} == {("interrupted", "server_restart", 0)}
    assert (await ann.wallet())["held_micros"] == 0
    engine = await house.get(TurnEngine)
    running: list[Any] = [engine.running(UUID(turn_id)) for turn_id in turn_ids]
    for turn_id in turn_ids:
        engine.stop(UUID(turn_id))
    await asyncio.gather(*(each.task for each in running))
    assert [await ann.turn(turn_id) for turn_id in turn_ids] == turns, "the server that had them writes nothing more"


async def test_the_sweep_leaves_the_turns_of_its_own_server_alone(open_served: OpenServed) -> None:
    house = await open_served(settings=SLOW)
    ann = await house.person()
    (turn_id,) = await _orphans(house, ann, 1)
    assert await (await house.get(TurnSweep)).sweep() == 0
    assert (await ann.turn(turn_id))["state"] == "running"
    await ann.stop(turn_id)


async def test_a_turn_that_cannot_be_ended_keeps_no_other_from_it(open_served: OpenServed) -> None:
    house = await open_served(settings=SLOW)
    ann = await house.person()
    broken, sound = await _orphans(house, ann, 2)
    db = await house.get(Database)
    hold = await db.read(lambda tx: _row_of(tx, broken))
    await db.write(lambda tx: tx.run(_drop_hold, turn_id=UUID(broken)))
    sweep = await _elsewhere(house)
    assert await sweep.sweep() == 1
    assert (await ann.turn(sound))["state"] == "interrupted"
    assert (await ann.turn(broken))["state"] == "running"
    await db.write(lambda tx: _put_back(tx, hold))
    assert await sweep.sweep() == 1


_columns = list(HoldRow.__table__.columns)


def _row_of(tx: Transaction, turn_id: str) -> Any:
    from sqlalchemy import select

    return tx.run(statement(select(*_columns).where(HoldRow.turn_id == bindparam("turn_id", type_=Id()))), turn_id=UUID(turn_id)).one()


def _put_back(tx: Transaction, row: Any) -> None:
    from parlor.core.db import columns_of, insert

    names = [column.name for column in _columns]
    tx.run(statement(insert(HoldRow).values(columns_of(HoldRow, *names))), **dict(zip(names, row, strict=True)))


async def test_a_turn_that_died_is_charged_and_explained_by_the_price_it_began_with(open_served: OpenServed) -> None:
    house = await open_served(settings=SLOW | {"wallet.assume_accepted": True})
    ann, prices = await house.person(), await house.get(PriceBook)
    await prices.set("main/fake", Price(7_000_000, 8_000_000), set_by=None)
    (turn_id,) = await _orphans(house, ann, 1)
    await prices.set("main/fake", Price(1, 1), set_by=None)
    running = (await house.get(TurnEngine)).running(UUID(turn_id))
    assert running is not None
    await (await house.get(Database)).write(lambda tx: save_segment(tx, running.turn.id, running.unsaved()))
    assert await (await _elsewhere(house)).sweep() == 1
    turn = await ann.turn(turn_id)
    assert turn["charge_micros"] == 7 * turn["usage"]["input_tokens"] > 0
    (charge,) = await ann.charges()
    assert f"{turn['usage']['input_tokens']} input tokens at 7000000 micro-credits per million" in charge["explanation"]
    assert "(prices since 20" in charge["explanation"]
