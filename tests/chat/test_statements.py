"""How many SQL statements a request takes: a fixed number, however much there is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from dishka import Provider, Scope

from parlor.core.db import Database, Statement, Transaction
from tests.support.house import serve_house

BACKGROUND = ("parlor.core.jobs", "parlor.turns.engine", "parlor.core.events", "parlor.turns.sweep", "parlor.wallet.price", "parlor.accounts")


class _CountedTransaction:
    def __init__(self, tx: Transaction, count: Callable[[], None]) -> None:
        self._tx = tx
        self._count = count

    def run(self, statement: Statement, /, **values: Any) -> Any:
        self._count()
        return self._tx.run(statement, **values)

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]], /) -> None:
        self._count()
        self._tx.run_many(statement, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


class CountingDatabase:
    """Counts what foreground work runs, by "read" and "write"."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.statements: Counter[str] = Counter()
        self.all_statements: Counter[str] = Counter()
        """Those of the background as well."""
        self.transactions: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def read(self, fn: Any, /, *, snapshot: bool = False) -> Any:
        return await self._db.read(self._counted(fn, "read"), snapshot=snapshot)

    async def write(self, fn: Any, /, *, bulk: bool = False) -> Any:
        return await self._db.write(self._counted(fn, "write"), bulk=bulk)

    def _counted(self, fn: Any, kind: str) -> Any:
        module = getattr(fn, "__module__", None) or getattr(getattr(fn, "func", None), "__module__", "")
        if module.startswith(BACKGROUND):
            return lambda tx: fn(_CountedTransaction(tx, lambda: self.all_statements.update([kind])))
        self.transactions[kind] += 1

        def count() -> None:
            self.statements[kind] += 1

        return lambda tx: fn(_CountedTransaction(tx, count))

    def take(self) -> dict[str, int]:
        taken = dict(self.statements)
        self.statements.clear()
        self.transactions.clear()
        return taken


@pytest.fixture
async def counted(tmp_path: Path, database_url: str):  # type: ignore[no-untyped-def]
    """A house, and the count of what it runs on the database."""
    provider = Provider(scope=Scope.APP)
    provider.decorate(CountingDatabase, provides=Database)
    settings = {"turns.checkpoint_seconds": 30, "turns.sweep_seconds": 3600, "auth.standing_cache_seconds": 5}
    async with serve_house(tmp_path, database_url, providers=[provider], settings=settings) as house:
        yield house, await house.get(Database)


async def test_a_request_takes_as_many_statements_with_much_as_with_little(counted: Any) -> None:
    house, db = counted
    ann = await house.person()
    session_id = await ann.new_session()
    await ann.ask(session_id)
    few: dict[str, dict[str, int]] = {}
    for round_ in ("few", "many"):
        seen: dict[str, dict[str, int]] = {}
        turn, _ = await ann.ask(session_id)
        for name, call in {
            "sessions": lambda: ann.client.get("/sessions"),
            "session": lambda: ann.session(session_id),
            "messages": lambda: ann.messages(session_id),
            "turn": lambda turn=turn: ann.turn(turn["id"]),
            "replay": lambda turn=turn: ann.replay(turn["id"]),
            "search": lambda: ann.client.get("/search", params={"q": "w1"}),
            "rename": lambda: ann.client.patch(f"/sessions/{session_id}", json={"title": "x"}),
            "send": lambda: ann.ask(session_id),
        }.items():
            db.take()
            await call()
            seen[name] = db.take()
        if round_ == "few":
            few = seen
            for _ in range(10):
                await ann.ask(session_id)
                await ann.new_session()
        else:
            assert seen == few
    most = {"sessions": 2, "session": 2, "messages": 2, "turn": 1, "replay": 1, "search": 1, "rename": 4}
    assert {name: sum(seen[name].values()) for name in most} == pytest.approx(most, abs=1)
    assert seen["send"]["write"] <= 15, "T1 and T4 together"
    assert seen["send"]["read"] <= 3, "the turn and its answer, for the reply"
