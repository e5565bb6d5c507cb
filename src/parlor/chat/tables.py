"""Sessions and their messages."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint

from parlor.core.db import WITHOUT_ROWID, Base, ColumnOf, Id, Json, UtcTime


class Session(Base):
    """A conversation. Its messages are a tree; `message_count` numbers them and names the newest."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_account", "account_id", "last_active_at", "id"),
        Index("ix_sessions_active", "is_active", "last_active_at"),
        WITHOUT_ROWID,
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    title: ColumnOf[str] = Column(String(300))
    category: ColumnOf[str] = Column(String(100))
    notes: ColumnOf[str] = Column(Text)
    agent: ColumnOf[str | None] = Column(String(200))
    model: ColumnOf[str | None] = Column(String(300))
    is_pinned: ColumnOf[bool] = Column(Boolean)
    is_archived: ColumnOf[bool] = Column(Boolean)
    is_active: ColumnOf[bool] = Column(Boolean)
    is_branched: ColumnOf[bool] = Column(Boolean)
    """False while every message follows the one before it: then the path to a message is simply what is older."""
    title_state: ColumnOf[str] = Column(String(10))
    """words, asked, given, written: see session_queries"""
    suggestions: ColumnOf[list[str]] = Column(Json)
    """What could be asked next, as a model has written it after the first answer."""
    session_metadata: ColumnOf[dict[str, Any]] = Column("metadata", Json)
    message_count: ColumnOf[int] = Column(Integer)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)
    last_active_at: ColumnOf[datetime] = Column(UtcTime)


class Message(Base):
    """A question or an answer. `text` is all its text, for reading and for the full-text index; `parts` only where there is more than one text part."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("session_id", "seq"),)

    number: ColumnOf[int] = Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    """The full-text index knows messages by it."""
    id: ColumnOf[UUID] = Column(Id, unique=True)
    session_id: ColumnOf[UUID] = Column(Id, ForeignKey("sessions.id"))
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    seq: ColumnOf[int] = Column(Integer)
    """1, 2, 3 ... in its session, without gaps."""
    parent_id: ColumnOf[UUID | None] = Column(Id)
    role: ColumnOf[str] = Column(String(20))
    text: ColumnOf[str] = Column(Text)
    parts: ColumnOf[list[dict[str, Any]] | None] = Column(Json)
    tokens: ColumnOf[int] = Column(Integer)
    """Estimated: what it costs to show it to a model again."""
    status: ColumnOf[str] = Column(String(20))
    """complete, stopped, failed, interrupted"""
    turn_id: ColumnOf[UUID | None] = Column(Id)
    usage: ColumnOf[dict[str, Any] | None] = Column(Json)
    created_at: ColumnOf[datetime] = Column(UtcTime)
