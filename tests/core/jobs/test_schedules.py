"""Schedules: once per cluster, never piling up, kept over restarts."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from parlor.core.db import Database, statement
from parlor.core.jobs import Job, JobRunner, Jobs, queries
from parlor.core.jobs.schedules import Schedules
from parlor.core.jobs.tables import ScheduleRow

Runners = Callable[..., JobRunner]


async def nothing(args: Mapping[str, Any]) -> None:
    return


async def test_a_schedule_runs_again_and_again(runner_of: Runners, notebook: Any) -> None:
    async with runner_of(notebook.job(every_seconds=0.05)):
        await notebook.reached(3)
    assert notebook.runs[:3] == [{}, {}, {}]


async def test_a_schedule_runs_once_on_five_processes(db: Database, runner_of: Runners, notebook: Any) -> None:
    runners = [runner_of(notebook.job(every_seconds=3600), queue=Jobs()) for _ in range(5)]
    await asyncio.gather(*(runner.start() for runner in runners))
    await notebook.reached(1)
    await asyncio.gather(*(runner.drain() for runner in runners))
    await asyncio.gather(*(runner.stop() for runner in runners))
    assert len(notebook.runs) == 1


async def test_of_many_processes_that_see_a_schedule_due_one_moves_it(db: Database, jobs: Jobs) -> None:
    schedules = Schedules([Job("sweep", nothing, every_seconds=60)], jobs)
    known = await db.write(schedules.prepare)
    moved = await asyncio.gather(*(db.write(lambda tx: schedules.enqueue_due(tx, known)) for _ in range(20)))
    assert sum(len(each) for each in moved) == 1
    assert (await db.read(jobs.backlog)).queued == 1


async def test_a_schedule_does_not_pile_up_behind_a_run_that_is_not_finished(db: Database, jobs: Jobs) -> None:
    schedules = Schedules([Job("sweep", nothing, every_seconds=0)], jobs)
    known = await db.write(schedules.prepare)
    for _ in range(3):
        known |= await db.write(lambda tx, known=known: schedules.enqueue_due(tx, known))
    assert (await db.read(jobs.backlog)).queued == 1


async def test_the_first_run_comes_as_late_as_the_job_says_and_a_restart_does_not_delay_it(db: Database, jobs: Jobs) -> None:
    schedules = Schedules([Job("clean", nothing, every_seconds=10, first_after_seconds=3600)], jobs)
    now = await db.read(lambda tx: tx.now())
    first = await db.write(schedules.prepare)
    assert first["clean"] - now >= timedelta(seconds=3599)
    assert await db.write(schedules.prepare) == first


async def test_a_shorter_period_counts_at_once(db: Database, jobs: Jobs) -> None:
    def job(seconds: float) -> Schedules:
        return Schedules([Job("clean", nothing, every_seconds=seconds)], jobs)

    known = await db.write(job(86400).prepare)
    known |= await db.write(lambda tx: job(86400).enqueue_due(tx, known))
    due = await db.write(job(60).prepare)
    assert due["clean"] - await db.read(lambda tx: tx.now()) <= timedelta(seconds=60)
    assert await db.write(job(86400).prepare) == due


async def test_another_cron_expression_counts_at_once_but_an_overdue_run_is_kept(db: Database, jobs: Jobs) -> None:
    def job(expression: str) -> Schedules:
        return Schedules([Job("report", nothing, cron=expression)], jobs)

    due = await db.write(job("0 3 1 1 *").prepare)
    assert (due["report"].month, due["report"].hour) == (1, 3)
    due = await db.write(job("30 4 1 1 *").prepare)
    assert (due["report"].hour, due["report"].minute) == (4, 30)

    overdue = await db.read(lambda tx: tx.now() - timedelta(hours=1))
    move_all = statement(update(ScheduleRow).values(next_due_at=overdue))
    await db.write(lambda tx: tx.run(move_all))
    assert await db.write(job("0 3 1 1 *").prepare) == {"report": overdue}


async def test_a_process_leaves_schedules_of_modules_it_does_not_have_alone(db: Database, jobs: Jobs, runner_of: Runners, notebook: Any) -> None:
    await db.write(lambda tx: queries.add_schedule(tx, "elsewhere", tx.now()))
    before = await db.read(queries.schedules)
    await runner_of(notebook.job(every_seconds=60)).drain()
    assert (await db.read(queries.schedules))["elsewhere"] == before["elsewhere"]
    assert notebook.runs == [{}]


def test_cron_is_read_in_utc() -> None:
    job = Job("report", nothing, cron="0 3 * * *")
    assert job.next_after(datetime(2026, 5, 1, 3, 0, 0, tzinfo=UTC)) == datetime(2026, 5, 2, 3, 0, tzinfo=UTC)


def test_a_wrong_cron_expression_is_refused_when_the_job_is_made() -> None:
    with pytest.raises(Exception, match="Bad"):
        Job("report", nothing, cron="99 * * * *")


def test_a_job_has_one_schedule() -> None:
    with pytest.raises(ValueError, match="two schedules"):
        Job("report", nothing, cron="0 3 * * *", every_seconds=5)
