"""What becomes of a job that raised."""

import traceback
from datetime import timedelta

import msgspec

from parlor.core.errors import ParlorError, rule_for
from parlor.core.jobs.job import Job


class Failure(msgspec.Struct, frozen=True):
    """`retry_after` is None when the job has failed for good."""

    error: str
    retry_after: timedelta | None


def failure_of(job: Job, attempts: int, error: Exception) -> Failure:
    """Refusals are final: the same request would be refused again. Everything else is tried again while attempts are left."""
    is_refusal = isinstance(error, ParlorError) and not rule_for(error).is_worth_retrying
    if is_refusal or attempts >= job.attempts:
        return Failure(describe(error), None)
    wanted = timedelta(seconds=float(error.facts.get("retry_after_seconds") or 0)) if isinstance(error, ParlorError) else timedelta()
    return Failure(describe(error), max(job.retry_after(attempts), wanted))


def describe(error: Exception) -> str:
    """What may be stored and shown. Of a foreign exception only its type and place: its message may quote a URL with a key in it."""
    if isinstance(error, ParlorError):
        return f"{error.code}: {error.detail}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
