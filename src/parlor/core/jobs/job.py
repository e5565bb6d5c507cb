"""What a job is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cronsim import CronSim


class Job(msgspec.Struct, frozen=True):
    """A name and what it runs, listed by a module. `run` gets the arguments it was enqueued with (JSON: ids, not objects) and may run twice.

    An error is tried again after `retry_seconds` (the last one repeats) until `attempts` runs have failed; a refusal (see `core.errors.RULES`) is not.
    A schedule (`every_seconds`, or `cron` in UTC) runs once per cluster, with empty arguments, and never beside its own last run.
    """

    name: str
    run: Callable[[Mapping[str, Any]], Awaitable[None]]
    attempts: int = 5
    timeout_seconds: float = 60
    every_seconds: float | None = None
    cron: str | None = None
    first_after_seconds: float = 0
    retry_seconds: Sequence[float] = (1, 5, 30, 300)

    def __post_init__(self) -> None:
        if self.every_seconds is not None and self.cron is not None:
            raise ValueError(f"the job {self.name!r} has two schedules")
        if self.cron is not None:
            self.next_after(datetime(2000, 1, 1, tzinfo=UTC))  # refuses a wrong expression now, not at night

    @property
    def is_scheduled(self) -> bool:
        return self.every_seconds is not None or self.cron is not None

    def first_after(self, now: datetime) -> datetime:
        """When a schedule that has never run is due."""
        return self.next_after(now) if self.cron is not None else now + timedelta(seconds=self.first_after_seconds)

    def next_after(self, now: datetime) -> datetime:
        if self.cron is not None:
            return next(CronSim(self.cron, now))
        return now + timedelta(seconds=self.every_seconds or 0)

    def retry_after(self, attempts: int) -> timedelta:
        """The pause after the `attempts`-th run has failed."""
        return timedelta(seconds=self.retry_seconds[min(attempts, len(self.retry_seconds)) - 1])
