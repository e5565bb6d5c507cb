"""Recording events, and the jobs that deliver them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.events import queries
from parlor.core.events.event import Event, StoredEvent, Subscriber
from parlor.core.events.origin import acting_as, current_origin
from parlor.core.ids import new_id
from parlor.core.jobs import Job, Jobs
from parlor.core.jobs.queries import oldest_named

DELIVERY = "events.deliver."
"""Delivery jobs are called this and the subscriber's name: a process that does not have the subscriber leaves them to one that does."""

KEPT = timedelta(days=7)
PAGE = 500


class Events:
    """`bind` the subscribers once, when all rooms are built: rooms that record and rooms that listen may need one another."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db = db
        self._jobs = jobs
        self._inside: list[Subscriber] = []
        self._after: list[Subscriber] = []
        self._heard: dict[str, tuple[list[Subscriber], list[Subscriber]]] = {}

    def bind(self, subscribers: Iterable[Subscriber]) -> None:
        known = list(subscribers)
        if len({each.name for each in known}) != len(known):
            raise ValueError(f"two subscribers share a name: {sorted(each.name for each in known)}")
        self._inside = [each for each in known if each.inside]
        self._after = [each for each in known if not each.inside]
        self._heard = {}

    def record(self, tx: Transaction, event: Event) -> None:
        """Part of the caller's transaction: told when it commits, as if never recorded when it does not. Costs nothing when nobody listens."""
        inside, listeners = self._who_hears(event.name)
        for subscriber in inside:
            cast("Callable[[Transaction, Event], None]", subscriber.handler)(tx, event)
        if listeners:
            event_id = self._store(tx, event)
            for each in listeners:
                self._jobs.enqueue(tx, DELIVERY + each.name, {"event_id": str(event_id)}, order_key=f"{DELIVERY}{each.name}:{event.aggregate}")

    def _who_hears(self, name: str) -> tuple[list[Subscriber], list[Subscriber]]:
        found = self._heard.get(name)
        if found is None:
            found = self._heard[name] = ([each for each in self._inside if each.hears(name)], [each for each in self._after if each.hears(name)])
        return found

    def jobs(self) -> Sequence[Job]:
        """To be run by every runner; after `bind`."""
        deliveries = [
            Job(DELIVERY + each.name, partial(self._deliver, each), attempts=each.attempts, timeout_seconds=each.timeout_seconds) for each in self._after
        ]
        return [*deliveries, Job("events.remove_old", self._remove_old, every_seconds=3600, first_after_seconds=300)]

    def _store(self, tx: Transaction, event: Event) -> UUID:
        origin, event_id = current_origin(), new_id()
        queries.add(
            tx,
            id=event_id,
            name=event.name,
            body=event.body(),
            account_id=event.account_id,
            actor=origin.actor,
            address=origin.address,
            request_id=origin.request_id,
            created_at=tx.now(),
        )
        return event_id

    async def _deliver(self, subscriber: Subscriber, args: Mapping[str, Any]) -> None:
        event_id = UUID(args["event_id"])
        event = await self._db.read(lambda tx: queries.find(tx, event_id))
        if event is None:
            return  # erased, with the account that it was about: undelivered events are never removed for their age
        with acting_as(actor=event.actor, address=event.address, request_id=event.request_id):
            await cast("Callable[[StoredEvent], Awaitable[None]]", subscriber.handler)(event)

    async def _remove_old(self, args: Mapping[str, Any]) -> None:
        """What is delivered, a week later. Never what still waits: after a week off, the cleaner may run before the deliveries."""
        while await self._db.write(self._remove_page, bulk=True) == PAGE:
            pass

    @staticmethod
    def _remove_page(tx: Transaction) -> int:
        before = tx.now() - KEPT
        waiting_since = oldest_named(tx, DELIVERY)
        return queries.remove_old(tx, before if waiting_since is None else min(before, waiting_since), PAGE)
