"""Tables of the jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Text

from parlor.core.db import Base, ColumnOf, Id, Json, UtcTime


class JobRow(Base):
    """A job that is not done: done ones are deleted.

    `due_at` is when a runner may take it. While it runs that is the end of its lease, so a crashed runner's job falls due by itself;
    a failed job has none.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'failed')", name="state"),
        CheckConstraint("(state = 'failed') = (due_at IS NULL)", name="failed_is_never_due"),
        CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name="running_has_a_lease"),
        Index("ix_jobs_due_at", "due_at"),
        Index("ix_jobs_order_key", "order_key", "id"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    name: ColumnOf[str] = Column(String(200))
    args: ColumnOf[Any] = Column(Json)
    order_key: ColumnOf[str | None] = Column(String(300))
    state: ColumnOf[str] = Column(String(10))
    attempts: ColumnOf[int] = Column(Integer)
    due_at: ColumnOf[datetime | None] = Column(UtcTime)
    lease_token: ColumnOf[UUID | None] = Column(Id)
    last_error: ColumnOf[str | None] = Column(Text)
    created_at: ColumnOf[datetime] = Column(UtcTime)


class ScheduleRow(Base):
    """When a schedule is due next, for the whole cluster: whoever moves the time enqueues the run."""

    __tablename__ = "schedules"

    name: ColumnOf[str] = Column(String(200), primary_key=True)
    next_due_at: ColumnOf[datetime] = Column(UtcTime)
