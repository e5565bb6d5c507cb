"""Sessions that nobody uses go to rest."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, update

from parlor.chat import session_queries
from parlor.chat.jobs import PAGE, rest_job
from parlor.chat.settings import ChatSettings
from parlor.chat.tables import Session
from parlor.core.db import Database, Transaction, UtcTime, statement
from parlor.core.ids import new_id
from parlor.core.jobs import JobRunner, Jobs, JobSettings
from tests.support.house import ServedHouse

DAY = 86_400
_age_all = statement(update(Session).values(last_active_at=bindparam("at", type_=UtcTime())))


def stale_sessions(tx: Transaction, account_id: UUID, count: int) -> list[UUID]:
    fields: dict[str, Any] = {"title": "", "category": "", "notes": "", "agent": None, "model": None, "metadata": {}, "message_count": 0, "is_branched": False}
    rows = [session_queries.insert_session(tx, id=new_id(), account_id=account_id, **fields) for _ in range(count)]
    tx.run(_age_all, at=tx.now() - timedelta(days=2))
    return [row.id for row in rows]


class Between:
    """A database on which something happens between the pages of bulk work."""

    def __init__(self, db: Database, happens: Callable[[Transaction], Any]) -> None:
        self._db = db
        self._happens = happens
        self.pages: list[int] = []

    async def write(self, fn: Any, *, bulk: bool = False) -> Any:
        assert bulk
        self.pages.append(await self._db.write(fn, bulk=True))
        await self._db.write(self._happens)
        return self.pages[-1]


async def test_stale_sessions_rest_page_by_page_and_who_uses_one_meanwhile_keeps_it_awake(house: ServedHouse) -> None:
    ann, db = await house.person(), await house.get(Database)
    account_id = UUID(ann.id)
    ids = await db.write(lambda tx: stale_sessions(tx, account_id, PAGE + 40))
    between = Between(db, lambda tx: session_queries.use_session(tx, ids[-1], account_id, added=0))
    job = rest_job(between, ChatSettings(session_ttl_seconds=DAY))  # type: ignore[arg-type]
    await job.run({})
    assert between.pages == [PAGE, 39]
    awake = [each for each in ids if (await db.read(lambda tx, each=each: session_queries.find_session(tx, each, account_id))).is_active]
    assert awake == [ids[-1]]
    await job.run({})
    assert between.pages[2:] == [0]
    assert (await ann.client.patch(f"/sessions/{ids[0]}", json={"title": "used"})).json()["is_active"]


async def test_of_three_servers_one_puts_sessions_to_rest_and_all_of_them_stop(house: ServedHouse) -> None:
    ann, db = await house.person(), await house.get(Database)
    await db.write(lambda tx: stale_sessions(tx, UUID(ann.id), 3))
    job = rest_job(db, ChatSettings(session_ttl_seconds=DAY))
    assert job.first_after_seconds > 0, "it is not due in the moment in which a server starts"
    runners = [JobRunner(db, Jobs(), [job], JobSettings()) for _ in range(3)]
    for runner in runners:
        await runner.start()
    for runner in runners:
        await runner.stop()
    assert [each["is_active"] for each in (await ann.client.get("/sessions")).json()["items"]] == [True] * 3
