"""Agents that people have made, and what they were before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, Json, UtcTime


class AgentRow(Base):
    """`key` is its name, or `ACCOUNT/NAME` of one that a user has made for themselves."""

    __tablename__ = "agents"
    __table_args__ = (Index("ix_agents_key", "key", unique=True), Index("ix_agents_owner_id", "owner_id", "name"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    owner_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class AgentVersion(Base):
    """Each definition that an agent has had, the current one among them. `author_id` is nobody once that account is erased."""

    __tablename__ = "agent_versions"
    __table_args__ = (Index("ix_agent_versions_author_id", "author_id"),)

    agent_id: Mapped[UUID] = mapped_column(Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    author_id: Mapped[UUID | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
