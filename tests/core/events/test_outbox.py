"""INV-E1: what is recorded is told once its transaction stands, at least once, with one id, in order; what is rolled back is never told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
import structlog
from sqlalchemy import func, select, update

from parlor.core.db import Database, Transaction, statement
from parlor.core.errors import Invalid, Unavailable
from parlor.core.events import Event, Events, EventsUserData, StoredEvent, Subscriber, acting_as
from parlor.core.events.tables import OutboxRow
from parlor.core.ids import new_id
from parlor.core.jobs import JobRunner, Jobs, JobSettings
from parlor.core.jobs import queries as job_queries
from parlor.core.jobs.tables import JobRow

ACCOUNT = new_id()

_outbox_size = statement(select(func.count(OutboxRow.id)))
_job_errors = statement(select(JobRow.state, JobRow.last_error))


class FileUploaded(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "file.uploaded"
    number: int
    file_id: UUID | None = None


class FileDeleted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "file.deleted"


class Listener:
    def __init__(self, failures: int = 0) -> None:
        self.heard: list[StoredEvent] = []
        self.calls: list[StoredEvent] = []
        self._failures = failures

    async def __call__(self, event: StoredEvent) -> None:
        self.calls.append(event)
        if len(self.calls) <= self._failures:
            raise Unavailable("not now")
        self.heard.append(event)


class House:
    """Events with subscribers, and what runs their deliveries."""

    def __init__(self, db: Database, *subscribers: Subscriber) -> None:
        self.db = db
        self.jobs = Jobs()
        self.events = Events(db, self.jobs)
        self.events.bind(subscribers)

    def runner(self, **settings: Any) -> JobRunner:
        return JobRunner(self.db, self.jobs, self.events.jobs(), JobSettings(poll_seconds=0.02, **settings))

    async def record(self, *events: Event) -> None:
        def work(tx: Transaction) -> None:
            for event in events:
                self.events.record(tx, event)

        await self.db.write(work)


def hears(listener: Callable[[StoredEvent], Awaitable[None]], event: str = "file.uploaded", name: str = "listener") -> Subscriber:
    return Subscriber(name, event, listener)


async def until_delivered(house: House) -> None:
    """Retries included: waits until no delivery is left."""
    async with asyncio.timeout(10), house.runner():
        while await house.db.read(lambda tx: job_queries.oldest_named(tx, "events.deliver.")):  # noqa: ASYNC110  # a row, not an event, says so
            await asyncio.sleep(0.02)


async def test_a_recorded_event_is_delivered_with_its_fields_and_its_origin(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    file_id = new_id()
    with acting_as(actor=f"user:{ACCOUNT}", address="192.0.2.1", request_id="r-1"):
        await house.record(FileUploaded(account_id=ACCOUNT, number=1, file_id=file_id))
    await until_delivered(house)
    (event,) = listener.heard
    assert (event.name, event.account_id, event.body) == ("file.uploaded", ACCOUNT, {"number": 1, "file_id": str(file_id)})
    assert (event.actor, event.address, event.request_id) == (f"user:{ACCOUNT}", "192.0.2.1", "r-1")


async def test_the_request_id_is_that_of_the_log_lines(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    with structlog.contextvars.bound_contextvars(request_id="from-the-edge"):
        await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    await until_delivered(house)
    assert listener.heard[0].request_id == "from-the-edge"


async def test_what_a_subscriber_records_in_turn_has_the_same_origin(db: Database) -> None:
    second = Listener()

    async def first(event: StoredEvent) -> None:
        await house.record(FileDeleted(account_id=event.account_id))

    house = House(db, hears(first, name="first"), hears(second, "file.deleted", "second"))
    with acting_as(actor="command"):
        await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    await until_delivered(house)
    assert [event.actor for event in second.heard] == ["command"]


async def test_an_event_of_a_transaction_that_is_rolled_back_is_never_delivered(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))

    def record_and_fail(tx: Transaction) -> None:
        house.events.record(tx, FileUploaded(account_id=ACCOUNT, number=1))
        raise Invalid("no")

    with pytest.raises(Invalid):
        await db.write(record_and_fail)
    await house.record(FileUploaded(account_id=ACCOUNT, number=2))
    await until_delivered(house)
    assert [event.body["number"] for event in listener.heard] == [2]


async def test_an_event_that_nobody_hears_costs_no_row(db: Database) -> None:
    house = House(db, hears(Listener(), "file.deleted"))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    assert await db.read(lambda tx: tx.run(_outbox_size).scalar()) == 0
    assert (await db.read(house.jobs.backlog)).queued == 0


async def test_each_subscriber_gets_the_event_and_a_star_hears_everything(db: Database) -> None:
    one, other, all_of_them = Listener(), Listener(), Listener()
    house = House(db, hears(one, name="one"), hears(other, "file.deleted", "other"), hears(all_of_them, "*", "all"))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1), FileDeleted(account_id=ACCOUNT))
    await until_delivered(house)
    assert [event.name for event in one.heard] == ["file.uploaded"]
    assert [event.name for event in other.heard] == ["file.deleted"]
    assert [event.name for event in all_of_them.heard] == ["file.uploaded", "file.deleted"]
    assert one.heard[0].id == all_of_them.heard[0].id


async def test_a_delivery_that_fails_is_tried_again_with_the_same_id_and_the_later_ones_wait(db: Database) -> None:
    listener, neighbour = Listener(failures=1), Listener()
    house = House(db, hears(listener, name="slow"), hears(neighbour, name="quick"))
    await house.record(*(FileUploaded(account_id=ACCOUNT, number=n) for n in range(3)))
    await until_delivered(house)
    assert [event.body["number"] for event in listener.calls] == [0, 0, 1, 2]
    assert listener.calls[0].id == listener.calls[1].id
    assert [event.body["number"] for event in neighbour.calls] == [0, 1, 2]


async def test_events_of_one_account_arrive_in_order_on_two_processes(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    for n in range(10):
        await house.record(FileUploaded(account_id=ACCOUNT, number=n))
    async with house.runner():
        await until_delivered(house)
    assert [event.body["number"] for event in listener.heard] == list(range(10))


async def test_an_event_whose_delivery_was_killed_is_delivered_again_with_the_same_id(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    claims = job_queries.Claims(["events.deliver.listener"])
    (killed,) = await db.write(lambda tx: claims.take(tx, new_id(), most=1, lease_ends_at=tx.now() + timedelta(seconds=0.2)))
    await house.runner().drain()
    assert listener.heard == [], "the dead process may still be at it"
    await until_delivered(house)
    assert [str(event.id) for event in listener.heard] == [killed.args["event_id"]]


async def test_a_killed_process_that_had_delivered_delivers_twice_with_one_id(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    claims = job_queries.Claims(["events.deliver.listener"])
    (row,) = await db.write(lambda tx: claims.take(tx, new_id(), most=1, lease_ends_at=tx.now()))
    await next(job for job in house.events.jobs() if job.name == row.name).run(row.args)
    await until_delivered(house)
    first, second = listener.heard
    assert first == second


async def test_an_inside_subscriber_runs_in_the_recording_transaction(db: Database) -> None:
    heard: list[Any] = []

    def inside(tx: Transaction, event: FileUploaded) -> None:
        heard.append(event)
        if event.number < 0:
            raise Invalid("below zero")
        house.events.record(tx, FileDeleted(account_id=event.account_id))

    after = Listener()
    house = House(db, Subscriber("keeper", "file.uploaded", inside, inside=True), hears(after, "*", "after"))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    assert heard == [FileUploaded(account_id=ACCOUNT, number=1)]
    with pytest.raises(Invalid):
        await house.record(FileUploaded(account_id=ACCOUNT, number=-1))
    await until_delivered(house)
    assert [event.name for event in after.heard] == ["file.deleted", "file.uploaded"]


@asynccontextmanager
async def a_week_later(house: House) -> AsyncIterator[Sequence[Any]]:
    """Every event of the outbox made eight days old."""
    long_ago = await house.db.read(lambda tx: tx.now() - timedelta(days=8))
    make_old = statement(update(OutboxRow).values(created_at=long_ago))
    await house.db.write(lambda tx: tx.run(make_old))
    yield [job for job in house.events.jobs() if job.name == "events.remove_old"]


async def test_delivered_events_are_removed_after_a_week(db: Database) -> None:
    house = House(db, hears(Listener()))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    await until_delivered(house)
    async with a_week_later(house) as (cleaner,):
        await house.record(FileUploaded(account_id=ACCOUNT, number=2))
        await until_delivered(house)
        await cleaner.run({})
    assert await db.read(lambda tx: tx.run(_outbox_size).scalar()) == 1


async def test_events_that_still_wait_are_kept_however_old(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1))
    async with a_week_later(house) as (cleaner,):
        make_old = statement(update(JobRow).values(created_at=select(OutboxRow.created_at).scalar_subquery()))
        await db.write(lambda tx: tx.run(make_old))
        await cleaner.run({})
    await until_delivered(house)
    assert len(listener.heard) == 1


async def test_what_is_erased_is_not_delivered_any_more(db: Database) -> None:
    listener = Listener()
    house = House(db, hears(listener))
    await house.record(FileUploaded(account_id=ACCOUNT, number=1), FileUploaded(account_id=new_id(), number=2))
    data = EventsUserData(db)
    exported = await data.export(ACCOUNT)
    assert [(event.name, event.body["number"]) async for event in exported["events"]] == [("file.uploaded", 1)]
    assert await data.erase(ACCOUNT) == 1
    await until_delivered(house)
    assert [event.body["number"] for event in listener.heard] == [2]
    assert await db.read(lambda tx: tx.run(_job_errors).all()) == []


def test_two_subscribers_of_one_name_are_refused() -> None:
    nowhere: Any = None
    with pytest.raises(ValueError, match="share a name"):
        Events(nowhere, Jobs()).bind([hears(Listener()), hears(Listener())])
