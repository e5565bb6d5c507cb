"""Running jobs: once, in order, again after a failure or a crash."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from parlor.core.clock import SystemClock
from parlor.core.db import Database, DatabaseSettings, Id, Transaction, statement
from parlor.core.db.opening import open_database
from parlor.core.errors import Invalid, Unavailable
from parlor.core.ids import new_id
from parlor.core.jobs import Job, JobRunner, Jobs, JobSettings, queries
from parlor.core.jobs.tables import JobRow
from parlor.core.settings import RootSettings

Runners = Callable[..., JobRunner]

_rows = statement(select(JobRow.name, JobRow.state, JobRow.attempts, JobRow.due_at, JobRow.last_error).order_by(JobRow.id))


def rows(tx: Transaction) -> list[Any]:
    return tx.run(_rows).all()


async def until(db: Database, fits: Callable[[list[Any]], bool]) -> list[Any]:
    """The rows of the jobs, once they fit."""
    async with asyncio.timeout(10):
        while not fits(found := await db.read(rows)):  # noqa: ASYNC110  # a row, not an event, says so
            await asyncio.sleep(0.01)
    return found


_hand_over = statement(update(JobRow).where(JobRow.state == "running").values(lease_token=bindparam("token", type_=Id())))


async def take_and_die(db: Database, name: str, lease_seconds: float) -> list[Any]:
    """What a process leaves that claims the due jobs and is killed."""
    claims = queries.Claims([name])
    return await db.write(lambda tx: claims.take(tx, new_id(), most=8, lease_ends_at=tx.now() + timedelta(seconds=lease_seconds)))


async def test_a_job_runs_with_its_arguments_and_leaves_no_row(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async with runner_of(notebook.job()):
        await db.write(lambda tx: jobs.enqueue(tx, "note", {"turn_id": "t"}))
        await notebook.reached(1)
        await until(db, lambda found: not found)
    assert notebook.runs == [{"turn_id": "t"}]


async def test_a_commit_in_this_process_wakes_the_runner_without_waiting_for_its_next_look(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async with runner_of(notebook.job(), poll_seconds=60):
        await db.write(lambda tx: jobs.enqueue(tx, "note", {"n": 1}))
        await notebook.reached(1)
        await db.write(lambda tx: jobs.enqueue(tx, "note", {"n": 2}))
        await notebook.reached(2)


async def test_what_another_process_enqueues_is_found_by_looking(db: Database, runner_of: Runners, notebook: Any) -> None:
    async with runner_of(notebook.job()):
        await db.write(lambda tx: Jobs().enqueue(tx, "note", {}))
        await notebook.reached(1)


async def test_a_job_of_a_transaction_that_is_rolled_back_never_runs(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    def enqueue_and_fail(tx: Transaction) -> None:
        jobs.enqueue(tx, "note", {"from": "rolled back"})
        raise Invalid("no")

    with pytest.raises(Invalid):
        await db.write(enqueue_and_fail)
    await db.write(lambda tx: jobs.enqueue(tx, "note", {"from": "committed"}))
    await runner_of(notebook.job()).drain()
    assert notebook.runs == [{"from": "committed"}]


async def test_a_delayed_job_is_not_run_before_its_time(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async with runner_of(notebook.job(), poll_seconds=60):
        started = time.monotonic()
        await db.write(lambda tx: jobs.enqueue(tx, "note", {}, delay_seconds=0.2))
        await notebook.reached(1)
    assert time.monotonic() - started >= 0.19


async def test_a_job_that_no_module_here_knows_is_left_for_a_process_that_does(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    await db.write(lambda tx: jobs.enqueue(tx, "unknown", {}))
    await runner_of(notebook.job()).drain()
    assert [(row.state, row.attempts) for row in await db.read(rows)] == [("queued", 0)]
    await runner_of(notebook.job("unknown")).drain()
    assert notebook.runs == [{}]


async def test_jobs_of_one_key_run_one_after_another_in_order_on_two_runners(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    running = 0

    async def run(args: Mapping[str, Any]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        await notebook.note(args["n"])

    def enqueue_all(tx: Transaction) -> None:
        for n in range(20):
            jobs.enqueue(tx, "ordered", {"n": n}, order_key="account:1")

    await db.write(enqueue_all)
    async with runner_of(Job("ordered", run)), runner_of(Job("ordered", run)):
        await notebook.reached(20)
    assert notebook.runs == list(range(20))


async def test_a_later_job_of_a_key_waits_while_the_earlier_one_waits_for_its_retry(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note(args["n"])
        if len(notebook.runs) == 1:
            raise Unavailable("later")

    def enqueue_both(tx: Transaction) -> None:
        for n in (1, 2):
            jobs.enqueue(tx, "ordered", {"n": n}, order_key="k")

    await db.write(enqueue_both)
    async with runner_of(Job("ordered", run, retry_seconds=(0.05,))):
        await notebook.reached(3)
    assert notebook.runs == [1, 1, 2]


async def test_two_runners_share_the_work_and_run_nothing_twice(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    def enqueue_all(tx: Transaction) -> None:
        for n in range(100):
            jobs.enqueue(tx, "note", {"n": n})

    await db.write(enqueue_all)
    async with runner_of(notebook.job()), runner_of(notebook.job()):
        await notebook.reached(100)
        await until(db, lambda found: not found)
    assert sorted(run["n"] for run in notebook.runs) == list(range(100))


async def test_no_more_jobs_run_at_once_than_the_settings_allow(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    open_gate, running, most = asyncio.Event(), 0, 0

    async def run(args: Mapping[str, Any]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await notebook.note("started")
        await open_gate.wait()
        running -= 1

    def enqueue_all(tx: Transaction) -> None:
        for _ in range(6):
            jobs.enqueue(tx, "slow", {})

    await db.write(enqueue_all)
    async with runner_of(Job("slow", run), concurrency=2, stop_seconds=5):
        await notebook.reached(2)
        open_gate.set()
        await notebook.reached(6)
    assert most == 2


async def test_an_error_is_tried_again_until_the_attempts_are_used_up(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("tried")
        raise ZeroDivisionError("https://host/?key=sk-secret")

    async with runner_of(Job("broken", run, attempts=3, retry_seconds=(0,))):
        await db.write(lambda tx: jobs.enqueue(tx, "broken", {}))
        found = await until(db, lambda found: found[0].state == "failed")
    assert len(notebook.runs) == 3
    assert found[0].due_at is None
    assert "ZeroDivisionError" in found[0].last_error
    assert "sk-secret" not in found[0].last_error


async def test_a_refusal_is_not_tried_again(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("tried")
        raise Invalid("This file is empty.")

    await db.write(lambda tx: jobs.enqueue(tx, "refused", {}))
    await runner_of(Job("refused", run)).drain()
    assert notebook.runs == ["tried"]
    assert [(row.state, row.last_error) for row in await db.read(rows)] == [("failed", "request.invalid: This file is empty.")]


async def test_a_retry_waits_as_long_as_the_other_side_asked(db: Database, jobs: Jobs, runner_of: Runners) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        raise Unavailable("busy", retry_after_seconds=900)

    await db.write(lambda tx: jobs.enqueue(tx, "busy", {}))
    await runner_of(Job("busy", run)).drain()
    row = (await db.read(rows))[0]
    assert (row.state, row.attempts) == ("queued", 1)
    assert row.due_at - await db.read(lambda tx: tx.now()) > timedelta(seconds=800)


async def test_a_job_that_takes_too_long_is_ended_and_counted_as_failed(db: Database, jobs: Jobs, runner_of: Runners) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await asyncio.Event().wait()

    await db.write(lambda tx: jobs.enqueue(tx, "hangs", {}))
    await runner_of(Job("hangs", run, attempts=1, timeout_seconds=0.05)).drain()
    row = (await db.read(rows))[0]
    assert row.state == "failed"
    assert "TimeoutError" in row.last_error


async def test_a_failed_job_can_be_given_its_attempts_again(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def refuse(args: Mapping[str, Any]) -> None:
        raise Invalid("no")

    job_id = await db.write(lambda tx: jobs.enqueue(tx, "note", {"n": 1}))
    await runner_of(Job("note", refuse)).drain()
    assert (await db.read(jobs.backlog)).failed == 1
    assert await db.write(lambda tx: jobs.retry(tx, job_id))
    assert not await db.write(lambda tx: jobs.retry(tx, job_id))
    await runner_of(notebook.job()).drain()
    assert notebook.runs == [{"n": 1}]


async def test_the_backlog_counts_what_is_not_done(db: Database, jobs: Jobs) -> None:
    assert (await db.read(jobs.backlog)).oldest_due_at is None
    await db.write(lambda tx: jobs.enqueue(tx, "a", {}, delay_seconds=60))
    await db.write(lambda tx: jobs.enqueue(tx, "b", {}))
    backlog = await db.read(jobs.backlog)
    assert (backlog.queued, backlog.running, backlog.failed) == (2, 0, 0)
    assert backlog.oldest_due_at is not None
    assert backlog.oldest_due_at <= await db.read(lambda tx: tx.now())


async def test_a_job_whose_process_died_is_run_by_another_after_its_lease(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    await db.write(lambda tx: jobs.enqueue(tx, "note", {"n": 1}))
    assert [row.name for row in await take_and_die(db, "note", lease_seconds=0.2)] == ["note"]
    await runner_of(notebook.job()).drain()
    assert notebook.runs == []
    async with runner_of(notebook.job()):
        await notebook.reached(1)
        await until(db, lambda found: not found)


async def test_a_job_that_kills_its_process_each_time_is_given_up(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    await db.write(lambda tx: jobs.enqueue(tx, "note", {}))
    for _ in range(2):
        async with asyncio.timeout(10):
            while not await take_and_die(db, "note", lease_seconds=0.001):  # noqa: ASYNC110  # the lease must run out
                await asyncio.sleep(0.001)
    async with runner_of(notebook.job(attempts=2)):
        found = await until(db, lambda found: found[0].state == "failed")
    assert notebook.runs == []
    assert found[0].attempts == 3


async def test_a_long_job_keeps_its_lease_while_it_runs(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("started")
        await asyncio.sleep(0.6)

    await db.write(lambda tx: jobs.enqueue(tx, "long", {}))
    async with runner_of(Job("long", run), lease_seconds=0.3, stop_seconds=5), runner_of(Job("long", run), lease_seconds=0.3, stop_seconds=5):
        await notebook.reached(1)
        await until(db, lambda found: not found)
    assert notebook.runs == ["started"]


async def test_a_runner_that_has_lost_its_lease_stops_the_job(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("started")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await notebook.note("stopped")
            raise

    await db.write(lambda tx: jobs.enqueue(tx, "job", {}))
    async with runner_of(Job("job", run), lease_seconds=0.3):
        await notebook.reached(1)
        await db.write(lambda tx: tx.run(_hand_over, token=new_id()))
        await notebook.reached(2)
    assert notebook.runs == ["started", "stopped"]


async def test_a_stop_gives_unfinished_jobs_back_without_counting_the_attempt(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("started")
        await asyncio.Event().wait()

    await db.write(lambda tx: jobs.enqueue(tx, "endless", {}))
    async with runner_of(Job("endless", run)):
        await notebook.reached(1)
    row = (await db.read(rows))[0]
    assert (row.state, row.attempts) == ("queued", 0)


async def test_a_stop_lets_jobs_finish_within_its_time(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    may_finish = asyncio.Event()

    async def run(args: Mapping[str, Any]) -> None:
        await notebook.note("started")
        await may_finish.wait()
        await notebook.note("finished")

    await db.write(lambda tx: jobs.enqueue(tx, "job", {}))
    runner = runner_of(Job("job", run), stop_seconds=10)
    await runner.start()
    await notebook.reached(1)
    stopping = asyncio.create_task(runner.stop())
    may_finish.set()
    await stopping
    assert notebook.runs == ["started", "finished"]
    assert await db.read(rows) == []


async def test_an_idle_runner_writes_nothing(database_settings: DatabaseSettings, root_settings: RootSettings, notebook: Any) -> None:
    async with open_database(database_settings, root_settings, SystemClock()) as db:
        looks, writes = asyncio.Event(), 0

        class Watched:
            """The database, with its visits counted."""

            is_postgres = db.is_postgres
            count = 0

            async def read(self, fn: Any, **options: Any) -> Any:
                self.count += 1
                if self.count == 5:
                    looks.set()
                return await db.read(fn, **options)

            async def write(self, fn: Any, **options: Any) -> Any:
                nonlocal writes
                writes += 1
                return await db.write(fn, **options)

        jobs: Any = Jobs()
        watched: Any = Watched()
        async with JobRunner(watched, jobs, [notebook.job(every_seconds=3600, first_after_seconds=3600)], JobSettings(poll_seconds=0.01)):
            await asyncio.wait_for(looks.wait(), 10)
        assert writes == 1, "the schedule's row, at start"


async def test_a_runner_goes_on_after_the_database_was_away(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    class Flaky:
        is_postgres = db.is_postgres
        failures = 3

        async def read(self, fn: Any, **options: Any) -> Any:
            if self.failures:
                self.failures -= 1
                raise Unavailable("away")
            return await db.read(fn, **options)

        write = db.write

    flaky: Any = Flaky()
    async with JobRunner(flaky, jobs, [notebook.job()], JobSettings(poll_seconds=0.01)):
        await db.write(lambda tx: jobs.enqueue(tx, "note", {}))
        await notebook.reached(1)
    assert flaky.failures == 0


def test_two_jobs_of_one_name_are_refused(notebook: Any) -> None:
    nowhere: Any = None
    with pytest.raises(ValueError, match="share a name"):
        JobRunner(nowhere, Jobs(), [notebook.job(), notebook.job()], JobSettings())
