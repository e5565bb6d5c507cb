"""A runner that is quick to look, and a job that keeps what it was given."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from parlor.core.db import Database
from parlor.core.jobs import Job, JobRunner, Jobs, JobSettings

WAIT_SECONDS = 10.0


class Notebook:
    """What ran, in order; `reached` waits until that many runs are noted."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self._changed = asyncio.Condition()

    async def note(self, run: Any) -> None:
        async with self._changed:
            self.runs.append(run)
            self._changed.notify_all()

    async def reached(self, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.runs) >= count)

    def job(self, name: str = "note", **options: Any) -> Job:
        async def run(args: Mapping[str, Any]) -> None:
            await self.note(dict(args))

        return Job(name, run, **options)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def runner_of(db: Database, jobs: Jobs) -> Callable[..., JobRunner]:
    """A runner of these jobs; with `queue` of another process: no hint reaches it."""

    def make(*definitions: Job, queue: Jobs | None = None, **settings: Any) -> JobRunner:
        return JobRunner(db, queue or jobs, definitions, JobSettings(**{"poll_seconds": 0.05, "stop_seconds": 0, **settings}))

    return make
