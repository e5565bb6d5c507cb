"""Putting jobs into the queue."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.ids import new_id
from parlor.core.jobs import queries


class Backlog(msgspec.Struct, frozen=True):
    """What is not done. `oldest_due_at`: when the queued job that waits longest could have run."""

    queued: int
    running: int
    failed: int
    oldest_due_at: datetime | None


class Jobs:
    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def enqueue(self, tx: Transaction, job_name: str, args: Mapping[str, Any], *, delay_seconds: float = 0, order_key: str | None = None) -> UUID:
        """Have `job_name` run once the transaction is committed. Jobs of one `order_key` run one after another, in the order they were enqueued."""
        job_id = new_id()
        queries.add(tx, id=job_id, name=job_name, args=args, order_key=order_key, due_at=tx.now() + timedelta(seconds=delay_seconds))
        tx.after_commit(self._hint)
        return job_id

    def retry(self, tx: Transaction, job_id: UUID) -> bool:
        """Give a failed job all its attempts again. False when there is no such job, or it has not failed."""
        is_back = queries.retry(tx, job_id)
        tx.after_commit(self._hint)
        return is_back

    def backlog(self, tx: Transaction) -> Backlog:
        rows = {state: (count, due_at) for state, count, due_at in queries.backlog(tx)}
        count_of = {state: rows.get(state, (0, None))[0] for state in ("queued", "running", "failed")}
        return Backlog(**count_of, oldest_due_at=rows.get("queued", (0, None))[1])

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each commit in this process that enqueued something. Returns the way to stop it."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake)

    def _hint(self) -> None:
        for wake in self._listeners:
            wake()
