"""Every SQL statement of the jobs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, String, Text, bindparam, cast, delete, exists, func, null, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, in_ids, insert, statement
from parlor.core.jobs.tables import JobRow, ScheduleRow

_add = statement(insert(JobRow).values(**columns_of(JobRow, "id", "name", "args", "order_key", "due_at", "created_at"), state="queued", attempts=0))

_has_unfinished = statement(select(JobRow.id).where(JobRow.order_key == bindparam("order_key"), JobRow.due_at.is_not(None)).limit(1))

_renew = statement(
    update(JobRow)
    .where(in_ids(JobRow.id, "ids"), JobRow.lease_token == bindparam("token", type_=Id()))
    .values(due_at=bindparam("lease_ends_at", type_=UtcTime()))
    .returning(JobRow.id)
)

_remove = statement(delete(JobRow).where(JobRow.id == bindparam("id"), JobRow.lease_token == bindparam("token", type_=Id())))

_put_back = statement(
    update(JobRow)
    .where(JobRow.id == bindparam("job_id", type_=Id()), JobRow.lease_token == bindparam("token", type_=Id()))
    .values(
        state="queued",
        lease_token=null(),
        due_at=bindparam("due", type_=UtcTime()),
        attempts=bindparam("attempts_so_far", type_=Integer()),
        last_error=bindparam("error", type_=JobRow.last_error.type),
    )
)

_fail = statement(
    update(JobRow)
    .where(JobRow.id == bindparam("job_id", type_=Id()), JobRow.lease_token == bindparam("token", type_=Id()))
    .values(state="failed", lease_token=null(), due_at=null(), last_error=bindparam("error", type_=JobRow.last_error.type))
)

_retry = statement(
    update(JobRow)
    .where(JobRow.id == bindparam("job_id", type_=Id()), JobRow.state == "failed")
    .values(state="queued", attempts=0, due_at=bindparam("due", type_=UtcTime()))
    .returning(JobRow.id)
)

_backlog = statement(select(JobRow.state, func.count(type_=BigInteger), func.min(JobRow.due_at, type_=UtcTime()).label("due_at")).group_by(JobRow.state))

_oldest_named = statement(
    select(func.min(JobRow.created_at, type_=UtcTime()).label("created_at")).where(
        JobRow.due_at.is_not(None), JobRow.name.startswith(bindparam("prefix", type_=String()))
    )
)

_names = cast(JobRow.args, Text()).like(bindparam("pattern", type_=String()))
_naming = statement(select(JobRow.name, JobRow.state, JobRow.created_at).where(_names).order_by(JobRow.id))
_remove_naming = statement(delete(JobRow).where(_names).returning(JobRow.id))

_add_schedule = statement(insert(ScheduleRow).values(columns_of(ScheduleRow, "name", "next_due_at")).on_conflict_do_nothing())

_schedules = statement(select(ScheduleRow.name, ScheduleRow.next_due_at))

_move_schedule = statement(
    update(ScheduleRow)
    .where(ScheduleRow.name == bindparam("schedule", type_=String()), ScheduleRow.next_due_at == bindparam("seen", type_=UtcTime()))
    .values(next_due_at=bindparam("due", type_=UtcTime()))
    .returning(ScheduleRow.name)
)


def add(tx: Transaction, *, id: UUID, name: str, args: Any, order_key: str | None, due_at: datetime) -> None:
    tx.run(_add, id=id, name=name, args=args, order_key=order_key, due_at=due_at, created_at=tx.now())


def has_unfinished(tx: Transaction, order_key: str) -> bool:
    return tx.run(_has_unfinished, order_key=order_key).scalar_or_none() is not None


def renew(tx: Transaction, ids: Sequence[UUID], token: UUID, lease_ends_at: datetime) -> set[UUID]:
    """The jobs that are still ours."""
    return set(tx.run(_renew, ids=ids, token=token, lease_ends_at=lease_ends_at).scalars())


def remove(tx: Transaction, job_id: UUID, token: UUID) -> None:
    tx.run(_remove, id=job_id, token=token)


def put_back(tx: Transaction, job_id: UUID, token: UUID, *, due_at: datetime, attempts: int, error: str | None) -> None:
    tx.run(_put_back, job_id=job_id, token=token, due=due_at, attempts_so_far=attempts, error=error)


def fail(tx: Transaction, job_id: UUID, token: UUID, error: str) -> None:
    tx.run(_fail, job_id=job_id, token=token, error=error)


def retry(tx: Transaction, job_id: UUID) -> bool:
    return tx.run(_retry, job_id=job_id, due=tx.now()).one_or_none() is not None


def backlog(tx: Transaction) -> list[tuple[str, int, datetime | None]]:
    return tx.run(_backlog).all()


def oldest_named(tx: Transaction, prefix: str) -> datetime | None:
    """When the oldest unfinished job whose name starts so was enqueued."""
    return tx.run(_oldest_named, prefix=prefix).scalar()


def naming(tx: Transaction, text: str) -> Sequence[Any]:
    """Jobs with that text, such as an id, anywhere in their arguments."""
    return tx.run(_naming, pattern=f"%{text}%").all()


def remove_naming(tx: Transaction, text: str) -> int:
    return len(tx.run(_remove_naming, pattern=f"%{text}%").all())


def add_schedule(tx: Transaction, name: str, next_due_at: datetime) -> None:
    tx.run(_add_schedule, name=name, next_due_at=next_due_at)


def schedules(tx: Transaction) -> dict[str, datetime]:
    return dict(tx.run(_schedules).all())


def move_schedule(tx: Transaction, name: str, seen: datetime, due_at: datetime) -> bool:
    """True for the one process that moved it from `seen`."""
    return tx.run(_move_schedule, schedule=name, seen=seen, due=due_at).one_or_none() is not None


class Claims:
    """The statements of a runner that knows these jobs: it leaves the others to processes that can run them."""

    def __init__(self, names: Iterable[str]) -> None:
        candidates = JobRow.__table__.alias("candidate")
        candidate, earlier = candidates.c, JobRow.__table__.alias("earlier").c
        waits = exists().where(earlier.order_key == candidate.order_key, earlier.id < candidate.id, earlier.due_at.is_not(None)).correlate(candidates)
        may_run = (or_(*(candidate.name == name for name in sorted(names))), candidate.due_at.is_not(None), ~waits)
        self._earliest = statement(select(candidate.due_at).where(*may_run).order_by(candidate.due_at).limit(1))
        due = (
            select(candidate.id)
            .where(*may_run, candidate.due_at <= bindparam("now", type_=UtcTime()))
            .order_by(candidate.due_at, candidate.id)
            .limit(bindparam("most", type_=Integer()))
            .with_for_update(skip_locked=True)
        )
        take = update(JobRow).values(
            state="running",
            attempts=JobRow.attempts + 1,
            lease_token=bindparam("token", type_=Id()),
            due_at=bindparam("lease_ends_at", type_=UtcTime()),
        )
        self._take = statement(
            sqlite=take.where(JobRow.id.in_(due)).returning(*_TAKEN),
            # an array is filled once; a plain IN may be planned as a loop that runs the locking query again and takes more than `most`
            postgres=take.where(JobRow.id == func.any(func.array(due.scalar_subquery()))).returning(*_TAKEN),
        )

    def earliest(self, tx: Transaction) -> datetime | None:
        """When the next job of ours may be taken; in the past when one waits."""
        return tx.run(self._earliest).scalar_or_none()

    def take(self, tx: Transaction, token: UUID, *, most: int, lease_ends_at: datetime) -> list[Any]:
        """Up to `most` due jobs, now leased to `token`: rows of id, name, args, attempts."""
        return tx.run(self._take, token=token, most=most, now=tx.now(), lease_ends_at=lease_ends_at).all()


_TAKEN = (JobRow.id, JobRow.name, JobRow.args, JobRow.attempts)
