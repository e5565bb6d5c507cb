"""What people put over the prompts of agents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Text

from parlor.core.db import Base, ColumnOf, Id, UtcTime


class PromptCustomization(Base):
    """On Postgres row-level security (migration 0008) shows a transaction only the rows of the account that it has named: see `queries.py`."""

    __tablename__ = "prompt_customizations"
    __table_args__ = (
        CheckConstraint("mode IN ('append', 'prepend', 'replace', 'slot')", name="mode"),
        CheckConstraint("(mode = 'slot') = (slot IS NOT NULL)", name="slot_of_mode"),
        Index("ix_prompt_customizations_account_id_agent_name", "account_id", "agent_name"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    agent_name: ColumnOf[str] = Column(String(200))
    mode: ColumnOf[str] = Column(String(10))
    slot: ColumnOf[str | None] = Column(String(64))
    content: ColumnOf[str] = Column(Text)
    priority: ColumnOf[int] = Column(Integer)
    is_active: ColumnOf[bool] = Column(Boolean)
    base_version: ColumnOf[str] = Column(String(12))
    """Of the agent's prompt when this was written over it."""
    revision: ColumnOf[int] = Column(Integer)
    """Counts the changes, so that whoever has composed a prompt can tell that it is not the newest: times can be the same twice."""
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)
