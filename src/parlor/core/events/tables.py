"""The outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, String

from parlor.core.db import Base, ColumnOf, Id, Json, UtcTime


class OutboxRow(Base):
    """An event that somebody subscribes to. No foreign key: an event outlives what it tells of."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created_at", "created_at"), Index("ix_outbox_account_id", "account_id"))

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    name: ColumnOf[str] = Column(String(100))
    body: ColumnOf[Any] = Column(Json)
    account_id: ColumnOf[UUID | None] = Column(Id)
    actor: ColumnOf[str | None] = Column(String(200))
    address: ColumnOf[str | None] = Column(String(100))
    request_id: ColumnOf[str | None] = Column(String(200))
    created_at: ColumnOf[datetime] = Column(UtcTime)
