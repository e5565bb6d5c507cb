"""Whose connected account is whose."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, UniqueConstraint

from parlor.core.db import Base, ColumnOf, Id, UtcTime


class ComposioConnection(Base):
    """One connected account of one account of ours. Composio has the credentials; here is only whose it is, and how it was when last looked at."""

    __tablename__ = "composio_connections"
    __table_args__ = (
        CheckConstraint("status IN ('initiated', 'active', 'failed', 'expired', 'revoked', 'deleted')", name="status"),
        UniqueConstraint("connected_account_id"),
        Index("ix_composio_connections_account", "account_id", "id"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    connected_account_id: ColumnOf[str] = Column(String(200))
    """Composio's."""
    toolkit: ColumnOf[str] = Column(String(100))
    auth_config_id: ColumnOf[str] = Column(String(200))
    status: ColumnOf[str] = Column(String(10))
    status_reason: ColumnOf[str | None] = Column(String(300))
    polls: ColumnOf[int] = Column(Integer)
    """How often its watch has looked; the number is the watch's fence."""
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)
    watch_until: ColumnOf[datetime] = Column(UtcTime)
