"""Running jobs: claim, renew, retry, give back."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec
import structlog

from parlor.core.db import Database, Transaction
from parlor.core.ids import new_id
from parlor.core.jobs import queries
from parlor.core.jobs.job import Job
from parlor.core.jobs.outcome import describe, failure_of
from parlor.core.jobs.queue import Jobs
from parlor.core.jobs.schedules import Schedules
from parlor.core.jobs.settings import JobSettings

log = structlog.get_logger(__name__)

LOST_RACE_SECONDS = 0.05
"""Before we look again when a job was due and another process had it first."""


class _Sight(msgspec.Struct, frozen=True):
    """What one look at the database showed: the time there, when the next thing is due, and the schedules as they stand."""

    now: datetime
    due_at: datetime | None
    schedules: dict[str, datetime]


class JobRunner:
    """Runs the jobs of the modules given, at most `concurrency` at once. An async context manager, or `start` and `stop`.

    A hint after a commit in this process wakes it at once; what other processes enqueue is found within `poll_seconds`. Looking is one read.
    A job is leased while it runs; when its process dies, another runner takes it after the lease, so a job may run twice.
    """

    def __init__(self, db: Database, jobs: Jobs, definitions: Sequence[Job], settings: JobSettings) -> None:
        self._db = db
        self._jobs = jobs
        self._settings = settings
        self._definitions = {job.name: job for job in definitions}
        if len(self._definitions) != len(definitions):
            raise ValueError(f"two jobs share a name: {sorted(job.name for job in definitions)}")
        self._claims = queries.Claims(self._definitions)
        self._schedules = Schedules(definitions, jobs)
        self._schedule_times: dict[str, datetime] | None = None
        self._token = new_id()
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._forget_jobs = lambda: None

    async def start(self) -> None:
        self._forget_jobs = self._jobs.listen(self._wake.set)
        self._tasks = [asyncio.create_task(self._serve(), name="job-runner"), asyncio.create_task(self._keep_leases(), name="job-leases")]

    async def stop(self) -> None:
        """Take nothing new, let running jobs finish for `stop_seconds`, give the rest back to the queue."""
        self._is_stopping = True
        self._forget_jobs()
        self._wake.set()
        if self._tasks:
            await self._tasks[0]
        if running := list(self._running.values()):
            _, late = await asyncio.wait(running, timeout=self._settings.stop_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Run what is due now, and what that enqueues, until nothing is due. For commands and tests, instead of `start`."""
        while await self._start_due() == 0 or self._running:
            if self._running:
                await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def _serve(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            try:
                pause_seconds = await self._start_due()
            except Exception as error:  # the database is away: keep asking, for as long as it takes
                log.warning("jobs.cannot_look", error=describe(error))
                pause_seconds = self._settings.poll_seconds
            if pause_seconds > 0 and not self._is_stopping:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause_seconds)

    async def _start_due(self) -> float:
        """Start what is due, as far as there is room. Returns how long to wait before looking again: 0 when something was started."""
        room = self._settings.concurrency - len(self._running)
        if room <= 0:
            return self._settings.poll_seconds
        if self._schedule_times is None:
            self._schedule_times = await self._db.write(self._schedules.prepare)
        sight = await self._db.read(self._look)
        self._schedule_times = sight.schedules
        if sight.due_at is None:
            return self._settings.poll_seconds
        if sight.due_at > sight.now:
            return min(self._settings.poll_seconds, (sight.due_at - sight.now).total_seconds())
        taken, moved = await self._db.write(lambda tx: self._take(tx, sight.schedules, room))
        self._schedule_times = sight.schedules | moved
        for row in taken:
            self._running[row.id] = asyncio.create_task(self._run(row), name=f"job {row.name}")
        return 0 if taken or moved else LOST_RACE_SECONDS

    def _look(self, tx: Transaction) -> _Sight:
        now, times = tx.now(), self._schedule_times or {}
        if any(due_at <= now for due_at in times.values()):  # perhaps another process has run it meanwhile
            times = self._schedules.due_times(tx)
        due = [*times.values()]
        if (job_due_at := self._claims.earliest(tx)) is not None:
            due.append(job_due_at)
        return _Sight(now, min(due, default=None), times)

    def _take(self, tx: Transaction, known: dict[str, datetime], room: int) -> tuple[list[Any], dict[str, datetime]]:
        moved = self._schedules.enqueue_due(tx, known)
        return self._claims.take(tx, self._token, most=room, lease_ends_at=self._lease_end(tx)), moved

    def _lease_end(self, tx: Transaction) -> datetime:
        return tx.now() + timedelta(seconds=self._settings.lease_seconds)

    async def _run(self, row: Any) -> None:
        structlog.contextvars.bind_contextvars(job=row.name, job_id=str(row.id))
        try:
            await self._run_and_record(self._definitions[row.name], row)
        except asyncio.CancelledError:  # we stop, or the lease was lost (then this changes nothing): as if it had not been taken
            await self._record(lambda tx: queries.put_back(tx, row.id, self._token, due_at=tx.now(), attempts=row.attempts - 1, error=None))
            raise
        finally:
            self._running.pop(row.id, None)
            self._wake.set()

    async def _run_and_record(self, job: Job, row: Any) -> None:
        try:
            if row.attempts > job.attempts:
                raise RuntimeError("the process that ran this job died, each time")
            async with asyncio.timeout(job.timeout_seconds):
                await job.run(row.args)
        except Exception as error:
            await self._record_failure(job, row, error)
        else:
            await self._record(lambda tx: queries.remove(tx, row.id, self._token))

    async def _record_failure(self, job: Job, row: Any, error: Exception) -> None:
        failure = failure_of(job, row.attempts, error)
        log.warning("job.failed", attempt=row.attempts, is_final=failure.retry_after is None, error=failure.error)

        def record(tx: Transaction) -> None:
            if failure.retry_after is None:
                queries.fail(tx, row.id, self._token, failure.error)
            else:
                queries.put_back(tx, row.id, self._token, due_at=tx.now() + failure.retry_after, attempts=row.attempts, error=failure.error)

        await self._record(record)

    async def _record(self, write: Callable[[Transaction], None]) -> None:
        """When even this fails the job's lease runs out, and it runs once more."""
        try:
            await self._db.write(write)
        except Exception as error:
            log.warning("job.outcome_not_recorded", error=describe(error))

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            if not (ids := list(self._running)):
                continue
            try:
                kept = await self._db.write(lambda tx, ids=ids: queries.renew(tx, ids, self._token, self._lease_end(tx)))
            except Exception as error:
                log.warning("jobs.leases_not_renewed", error=describe(error))
                continue
            for job_id in set(ids) - kept:
                if (task := self._running.get(job_id)) is not None:
                    log.warning("job.lease_lost", job_id=str(job_id))
                    task.cancel()
