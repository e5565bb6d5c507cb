"""Agents that people have made, and what they were before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Integer, String

from parlor.core.db import Base, ColumnOf, Id, Json, UtcTime


class AgentRow(Base):
    """`key` is its name, or `ACCOUNT/NAME` of one that a user has made for themselves."""

    __tablename__ = "agents"
    __table_args__ = (Index("ix_agents_key", "key", unique=True), Index("ix_agents_owner_id", "owner_id", "name"))

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    key: ColumnOf[str] = Column(String(120))
    owner_id: ColumnOf[UUID | None] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: ColumnOf[str] = Column(String(63))
    definition: ColumnOf[dict[str, Any]] = Column(Json)
    version: ColumnOf[int] = Column(Integer)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)


class AgentVersion(Base):
    """Each definition that an agent has had, the current one among them. `author_id` is nobody once that account is erased."""

    __tablename__ = "agent_versions"
    __table_args__ = (Index("ix_agent_versions_author_id", "author_id"),)

    agent_id: ColumnOf[UUID] = Column(Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True)
    version: ColumnOf[int] = Column(Integer, primary_key=True, autoincrement=False)
    definition: ColumnOf[dict[str, Any]] = Column(Json)
    author_id: ColumnOf[UUID | None] = Column(Id)
    created_at: ColumnOf[datetime] = Column(UtcTime)
