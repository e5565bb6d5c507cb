"""Background work as rows: enqueued in the caller's transaction, run at least once, in order where a key asks for it.

Owns the queue, the schedules and the runner. What a job does belongs to the room that lists it in `Module.jobs`.
"""

from parlor.core.jobs.job import Job
from parlor.core.jobs.queue import Backlog, Jobs
from parlor.core.jobs.runner import JobRunner
from parlor.core.jobs.settings import JobSettings
from parlor.core.jobs.userdata import JobsUserData

__all__ = ["Backlog", "Job", "JobRunner", "JobSettings", "Jobs", "JobsUserData"]
