"""Keys that clients have used."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, String

from parlor.core.db import Base, ColumnOf, Id, Json, UtcTime


class IdempotencyKey(Base):
    """A key with the result of its first request. While that is at work `token` is set, and `expires_at` is the end of its lease."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires_at", "expires_at"),)

    account_id: ColumnOf[UUID] = Column(Id, primary_key=True)
    key: ColumnOf[str] = Column(String(255), primary_key=True)
    route: ColumnOf[str] = Column(String(200))
    body_hash: ColumnOf[bytes] = Column(LargeBinary)
    result: ColumnOf[Any | None] = Column(Json)
    token: ColumnOf[UUID | None] = Column(Id)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    expires_at: ColumnOf[datetime] = Column(UtcTime)
