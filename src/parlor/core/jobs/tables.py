"""Tables of the jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, Json, UtcTime


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

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    args: Mapped[Any] = mapped_column(Json)
    order_key: Mapped[str | None] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lease_token: Mapped[UUID | None] = mapped_column(Id)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ScheduleRow(Base):
    """When a schedule is due next, for the whole cluster: whoever moves the time enqueues the run."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    next_due_at: Mapped[datetime] = mapped_column(UtcTime)
