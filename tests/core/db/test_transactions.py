"""What a function of a transaction may rely on, on both engines."""

import asyncio
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, func, select, text, update

from parlor.core.db import Database, Transaction, columns_of, insert, statement
from parlor.core.db.transaction import Poisoned
from parlor.core.errors import Conflict
from parlor.core.ids import new_id
from tests.core.db.conftest import Specimen

_insert = statement(insert(Specimen).values(columns_of(Specimen, "id", "label", "count")))
_count = statement(select(func.count()).select_from(Specimen))
_broken = statement(text("SELECT missing FROM nowhere"))
_add = statement(
    update(Specimen).where(Specimen.id == bindparam("specimen_id")).values(count=Specimen.count + bindparam("more", type_=Integer())).returning(Specimen.count)
)


def add(tx: Transaction, label: str = "x") -> None:
    tx.run(_insert, id=new_id(), label=label, count=0)


async def how_many(db: Database) -> int:
    return await db.read(lambda tx: tx.run(_count).scalar())


async def test_an_error_rolls_everything_back(specimens: Database) -> None:
    def write(tx: Transaction) -> None:
        add(tx)
        raise Conflict("changed my mind")

    with pytest.raises(Conflict):
        await specimens.write(write)
    assert await how_many(specimens) == 0


async def test_a_failed_statement_poisons_the_transaction_even_when_it_is_caught(specimens: Database) -> None:
    def write(tx: Transaction) -> None:
        add(tx)
        with pytest.raises(Exception, match="nowhere"):
            tx.run(_broken)
        with pytest.raises(Poisoned):
            add(tx)
        with pytest.raises(Poisoned):
            tx.run_many(_insert, [{"id": new_id(), "label": "y", "count": 0}])

    with pytest.raises(Exception, match="nowhere"):
        await specimens.write(write)
    assert await how_many(specimens) == 0


async def test_a_poisoned_function_does_not_take_its_neighbours_down(specimens: Database) -> None:
    def bad(tx: Transaction) -> None:
        add(tx)
        tx.run(_broken)

    outcomes = await asyncio.gather(*(specimens.write(bad if number % 3 == 0 else add) for number in range(30)), return_exceptions=True)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [number % 3 == 0 for number in range(30)]
    assert await how_many(specimens) == 20


async def test_a_reader_cannot_write(specimens: Database) -> None:
    with pytest.raises(Exception):  # noqa: B017  # each engine says it in its own way; what matters is that nothing is written
        await specimens.read(add)
    assert await how_many(specimens) == 0


async def test_what_was_written_is_seen_by_the_next_reader(specimens: Database) -> None:
    for expected in range(1, 20):
        await specimens.write(add)
        assert await how_many(specimens) == expected


async def test_callbacks_run_on_the_loop_after_the_commit_and_only_then(specimens: Database) -> None:
    seen: list[str] = []

    def write(tx: Transaction) -> None:
        add(tx)
        tx.after_commit(lambda: seen.append(asyncio.current_task().__class__.__name__ if asyncio.get_running_loop() else ""))

    def refuse(tx: Transaction) -> None:
        tx.after_commit(lambda: seen.append("never"))
        raise Conflict("no")

    await specimens.write(write)
    with pytest.raises(Conflict):
        await specimens.write(refuse)
    assert len(seen) == 1
    assert seen[0] != "never"


async def test_a_caller_who_leaves_does_not_undo_what_commits(specimens: Database) -> None:
    """A client that disconnects in the moment of its commit: the callbacks (a turn that starts) still happen."""
    committed = asyncio.Event()

    def write(tx: Transaction) -> None:
        add(tx)
        tx.after_commit(committed.set)

    leaving = asyncio.ensure_future(specimens.write(write))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(committed.wait(), 5)
    assert await how_many(specimens) == 1


async def test_context_variables_reach_the_function(specimens: Database) -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    who.set("ada")
    assert await specimens.write(lambda tx: who.get()) == "ada"
    assert await specimens.read(lambda tx: who.get()) == "ada"


async def test_now_is_one_moment_per_transaction(specimens: Database) -> None:
    def two(tx: Transaction) -> Any:
        return tx.now(), tx.now()

    first, again = await specimens.write(two)
    later = await specimens.write(lambda tx: tx.now())
    assert first == again
    assert first.utcoffset() == timedelta(0)
    assert later >= first


async def test_a_snapshot_sees_one_state(specimens: Database) -> None:
    """The writer commits between the two statements of the reader."""
    loop = asyncio.get_running_loop()

    def twice(tx: Transaction) -> tuple[int, int]:
        before = tx.run(_count).scalar()
        if tx.is_postgres:
            from sqlalchemy.util import await_only

            await_only(specimens.write(add))
        else:
            asyncio.run_coroutine_threadsafe(specimens.write(add), loop).result(5)
        return before, tx.run(_count).scalar()

    before, after = await specimens.read(twice, snapshot=True)
    assert before == after == 0
    assert await how_many(specimens) == 1


async def test_forty_writers_of_one_row_lose_no_update(specimens: Database) -> None:
    specimen_id = new_id()
    await specimens.write(lambda tx: tx.run(_insert, id=specimen_id, label="counter", count=0))
    seen = await asyncio.gather(*(specimens.write(lambda tx: tx.run(_add, specimen_id=specimen_id, more=1).scalar()) for _ in range(40)))
    assert sorted(seen) == list(range(1, 41))


async def test_the_result_of_a_statement_says_how_many_rows_it_was_meant_to_have(specimens: Database) -> None:
    await specimens.write(add)
    await specimens.write(add)
    ids = statement(select(Specimen.id))
    nobody = statement(select(Specimen.id).where(Specimen.label == bindparam("label")))
    with pytest.raises(LookupError):
        await specimens.read(lambda tx: tx.run(ids).one())
    with pytest.raises(LookupError):
        await specimens.read(lambda tx: tx.run(nobody, label="none").one())
    assert await specimens.read(lambda tx: tx.run(nobody, label="none").one_or_none()) is None
    assert await specimens.read(lambda tx: tx.run(nobody, label="none").scalar_or_none()) is None


async def test_bulk_work_is_done_too(specimens: Database) -> None:
    await asyncio.gather(*(specimens.write(add, bulk=True) for _ in range(5)), *(specimens.write(add) for _ in range(5)))
    assert await how_many(specimens) == 10
