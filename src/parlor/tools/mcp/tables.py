"""Servers that were added over the API, and the definitions of tools that are trusted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import WITHOUT_ROWID, Base, Id, Json, UtcTime


class McpServerRow(Base):
    """A server somewhere else. `key` is its name, or `ACCOUNT/NAME` of one that a user has added for themselves."""

    __tablename__ = "mcp_servers"
    __table_args__ = (
        CheckConstraint("transport IN ('http', 'sse')", name="transport"),
        Index("ix_mcp_servers_key", "key", unique=True),
        Index("ix_mcp_servers_owner_id", "owner_id", sqlite_where=text("owner_id IS NOT NULL"), postgresql_where=text("owner_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    owner_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    transport: Mapped[str] = mapped_column(String(10))
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    groups: Mapped[list[str]] = mapped_column(Json)
    require_approval: Mapped[list[str]] = mapped_column(Json)
    timeout_ms: Mapped[int] = mapped_column(Integer)
    uses_sign_in: Mapped[bool] = mapped_column(Boolean)
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    header_names: Mapped[list[str]] = mapped_column(Json)
    headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A JSON object, sealed with the installation's secret for this row alone."""
    created_by: Mapped[UUID | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


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

    server_key: Mapped[str] = mapped_column(String(120), primary_key=True)
    tool: Mapped[str] = mapped_column(String(256), primary_key=True)
    owner_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    approved_hash: Mapped[str | None] = mapped_column(String(64))
    approved: Mapped[dict[str, Any] | None] = mapped_column(Json)
    pending_hash: Mapped[str | None] = mapped_column(String(64))
    pending: Mapped[dict[str, Any] | None] = mapped_column(Json)
    is_listed: Mapped[bool] = mapped_column(Boolean)
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    approved_by: Mapped[UUID | None] = mapped_column(Id)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
