"""Schedules: rows that every process reads and one process at a time moves on."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from parlor.core.db import Transaction
from parlor.core.jobs import queries
from parlor.core.jobs.job import Job
from parlor.core.jobs.queue import Jobs


class Schedules:
    def __init__(self, definitions: Iterable[Job], jobs: Jobs) -> None:
        self._scheduled = {job.name: job for job in definitions if job.is_scheduled}
        self._jobs = jobs

    def prepare(self, tx: Transaction) -> dict[str, datetime]:
        """Make the rows that are missing, and bring forward those whose settings have changed. Returns when each is due."""
        now = tx.now()
        for job in self._scheduled.values():
            queries.add_schedule(tx, job.name, job.first_after(now))
        due = self.due_times(tx)
        for name, due_at in due.items():
            job = self._scheduled[name]
            wanted = job.next_after(now)
            is_stale = now < due_at != wanted if job.cron is not None else due_at > max(wanted, job.first_after(now))
            if is_stale and queries.move_schedule(tx, name, due_at, wanted):
                due[name] = wanted
        return due

    def due_times(self, tx: Transaction) -> dict[str, datetime]:
        """Our schedules only: a process without some module has no word in that module's schedules."""
        return {name: due_at for name, due_at in queries.schedules(tx).items() if name in self._scheduled}

    def enqueue_due(self, tx: Transaction, known: Mapping[str, datetime]) -> dict[str, datetime]:
        """Enqueue what is due, unless its last run is unfinished or another process was first. Returns the times that were moved."""
        now, moved = tx.now(), dict[str, datetime]()
        for name, due_at in known.items():
            next_due_at = self._scheduled[name].next_after(now)
            if due_at > now or not queries.move_schedule(tx, name, due_at, next_due_at):
                continue
            moved[name] = next_due_at
            if not queries.has_unfinished(tx, order_key := f"schedule:{name}"):
                self._jobs.enqueue(tx, name, {}, order_key=order_key)
        return moved
