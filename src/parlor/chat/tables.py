"""Sessions and their messages."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import WITHOUT_ROWID, Base, Id, Json, UtcTime


class Session(Base):
    """A conversation. Its messages are a tree; `message_count` numbers them and names the newest."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_account", "account_id", "last_active_at", "id"),
        Index("ix_sessions_active", "is_active", "last_active_at"),
        WITHOUT_ROWID,
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    title: Mapped[str] = mapped_column(String(300))
    category: Mapped[str] = mapped_column(String(100))
    notes: Mapped[str] = mapped_column(Text)
    agent: Mapped[str | None] = mapped_column(String(200))
    model: Mapped[str | None] = mapped_column(String(300))
    is_pinned: Mapped[bool] = mapped_column(Boolean)
    is_archived: Mapped[bool] = mapped_column(Boolean)
    is_active: Mapped[bool] = mapped_column(Boolean)
    is_branched: Mapped[bool] = mapped_column(Boolean)
    """False while every message follows the one before it: then the path to a message is simply what is older."""
    title_state: Mapped[str] = mapped_column(String(10))
    """words, asked, given, written: see session_queries"""
    suggestions: Mapped[list[str]] = mapped_column(Json)
    """What could be asked next, as a model has written it after the first answer."""
    session_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    message_count: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    last_active_at: Mapped[datetime] = mapped_column(UtcTime)


class Message(Base):
    """A question or an answer. `text` is all its text, for reading and for the full-text index; `parts` only where there is more than one text part."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("session_id", "seq"),)

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    """The full-text index knows messages by it."""
    id: Mapped[UUID] = mapped_column(Id, unique=True)
    session_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sessions.id"))
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    seq: Mapped[int] = mapped_column(Integer)
    """1, 2, 3 ... in its session, without gaps."""
    parent_id: Mapped[UUID | None] = mapped_column(Id)
    role: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    parts: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    tokens: Mapped[int] = mapped_column(Integer)
    """Estimated: what it costs to show it to a model again."""
    status: Mapped[str] = mapped_column(String(20))
    """complete, stopped, failed, interrupted"""
    turn_id: Mapped[UUID | None] = mapped_column(Id)
    usage: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
