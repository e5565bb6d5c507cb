"""What people put over the prompts of agents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, UtcTime


class PromptCustomization(Base):
    """On Postgres row-level security (migration 0008) shows a transaction only the rows of the account that it has named: see `queries.py`."""

    __tablename__ = "prompt_customizations"
    __table_args__ = (
        CheckConstraint("mode IN ('append', 'prepend', 'replace', 'slot')", name="mode"),
        CheckConstraint("(mode = 'slot') = (slot IS NOT NULL)", name="slot_of_mode"),
        Index("ix_prompt_customizations_account_id_agent_name", "account_id", "agent_name"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    agent_name: Mapped[str] = mapped_column(String(200))
    mode: Mapped[str] = mapped_column(String(10))
    slot: Mapped[str | None] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(Integer)
    is_active: Mapped[bool] = mapped_column(Boolean)
    base_version: Mapped[str] = mapped_column(String(12))
    """Of the agent's prompt when this was written over it."""
    revision: Mapped[int] = mapped_column(Integer)
    """Counts the changes, so that whoever has composed a prompt can tell that it is not the newest: times can be the same twice."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
