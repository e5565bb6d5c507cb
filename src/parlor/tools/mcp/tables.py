"""Servers that were added over the API, and the definitions of tools that are trusted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, text

from parlor.core.db import WITHOUT_ROWID, Base, ColumnOf, Id, Json, UtcTime


class McpServerRow(Base):
    """A server somewhere else. `key` is its name, or `ACCOUNT/NAME` of one that a user has added for themselves."""

    __tablename__ = "mcp_servers"
    __table_args__ = (
        CheckConstraint("transport IN ('http', 'sse')", name="transport"),
        Index("ix_mcp_servers_key", "key", unique=True),
        Index("ix_mcp_servers_owner_id", "owner_id", sqlite_where=text("owner_id IS NOT NULL"), postgresql_where=text("owner_id IS NOT NULL")),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    key: ColumnOf[str] = Column(String(120))
    owner_id: ColumnOf[UUID | None] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: ColumnOf[str] = Column(String(64))
    transport: ColumnOf[str] = Column(String(10))
    url: ColumnOf[str] = Column(Text)
    description: ColumnOf[str] = Column(Text)
    groups: ColumnOf[list[str]] = Column(Json)
    require_approval: ColumnOf[list[str]] = Column(Json)
    timeout_ms: ColumnOf[int] = Column(Integer)
    uses_sign_in: ColumnOf[bool] = Column(Boolean)
    is_enabled: ColumnOf[bool] = Column(Boolean)
    header_names: ColumnOf[list[str]] = Column(Json)
    headers_sealed: ColumnOf[bytes | None] = Column(LargeBinary)
    """A JSON object, sealed with the installation's secret for this row alone."""
    created_by: ColumnOf[UUID | None] = Column(Id)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)


class ToolPin(Base):
    """What a server says of one of its tools: the definition that is trusted, and another one that waits to be.

    `approved_hash` is null for a tool that was never trusted, `pending_hash` while nothing waits. `is_listed`: the server offered it when it was last asked.
    """

    __tablename__ = "tool_pins"
    __table_args__ = (
        CheckConstraint("approved_hash IS NOT NULL OR pending_hash IS NOT NULL", name="has_a_definition"),
        Index("ix_tool_pins_owner_id", "owner_id", sqlite_where=text("owner_id IS NOT NULL"), postgresql_where=text("owner_id IS NOT NULL")),
        WITHOUT_ROWID,
    )

    server_key: ColumnOf[str] = Column(String(120), primary_key=True)
    tool: ColumnOf[str] = Column(String(256), primary_key=True)
    owner_id: ColumnOf[UUID | None] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    approved_hash: ColumnOf[str | None] = Column(String(64))
    approved: ColumnOf[dict[str, Any] | None] = Column(Json)
    pending_hash: ColumnOf[str | None] = Column(String(64))
    pending: ColumnOf[dict[str, Any] | None] = Column(Json)
    is_listed: ColumnOf[bool] = Column(Boolean)
    first_seen_at: ColumnOf[datetime] = Column(UtcTime)
    approved_at: ColumnOf[datetime | None] = Column(UtcTime)
    approved_by: ColumnOf[UUID | None] = Column(Id)
    updated_at: ColumnOf[datetime] = Column(UtcTime)
