"""The outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, Json, UtcTime


class OutboxRow(Base):
    """An event that somebody subscribes to. No foreign key: an event outlives what it tells of."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created_at", "created_at"), Index("ix_outbox_account_id", "account_id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    body: Mapped[Any] = mapped_column(Json)
    account_id: Mapped[UUID | None] = mapped_column(Id)
    actor: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(100))
    request_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
