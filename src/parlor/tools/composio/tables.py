"""Whose connected account is whose."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, UtcTime


class ComposioConnection(Base):
    """One connected account of one account of ours. Composio has the credentials; here is only whose it is, and how it was when last looked at."""

    __tablename__ = "composio_connections"
    __table_args__ = (
        CheckConstraint("status IN ('initiated', 'active', 'failed', 'expired', 'revoked', 'deleted')", name="status"),
        UniqueConstraint("connected_account_id"),
        Index("ix_composio_connections_account", "account_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    connected_account_id: Mapped[str] = mapped_column(String(200))
    """Composio's."""
    toolkit: Mapped[str] = mapped_column(String(100))
    auth_config_id: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(10))
    status_reason: Mapped[str | None] = mapped_column(String(300))
    polls: Mapped[int] = mapped_column(Integer)
    """How often its watch has looked; the number is the watch's fence."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    watch_until: Mapped[datetime] = mapped_column(UtcTime)
