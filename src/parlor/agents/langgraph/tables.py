"""Where graphs stand: their threads, the checkpoints of those, and what was written since."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, UtcTime


class GraphThread(Base):
    """What one graph remembers of one session, or of one question that another agent asks it."""

    __tablename__ = "graph_threads"
    __table_args__ = (Index("ix_graph_threads_account_id", "account_id"), Index("ix_graph_threads_session_id", "session_id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    session_id: Mapped[UUID] = mapped_column(Id)
    agent: Mapped[str] = mapped_column(String(200))
    answer_id: Mapped[UUID | None] = mapped_column(Id)
    """The message that it stands at: a question that follows another one begins a new thread. None while a turn is in it, and after one that broke off."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class GraphCheckpoint(Base):
    """The whole state of the graph after one step. `namespace` is '' or names a graph inside it."""

    __tablename__ = "graph_checkpoints"

    thread_id: Mapped[UUID] = mapped_column(Id, ForeignKey("graph_threads.id", ondelete="CASCADE"), primary_key=True)
    namespace: Mapped[str] = mapped_column(Text, primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of LangGraph's making: later ones sort after earlier ones."""
    parent_id: Mapped[str | None] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(20))
    """How `checkpoint` and `checkpoint_metadata` are serialized."""
    checkpoint: Mapped[bytes] = mapped_column(LargeBinary)
    checkpoint_metadata: Mapped[bytes] = mapped_column(LargeBinary)


class GraphWrite(Base):
    """What a task of the step after a checkpoint has written before that step is over: results, interrupts, the answers to them."""

    __tablename__ = "graph_writes"
    __table_args__ = (ForeignKeyConstraint(["thread_id"], ["graph_threads.id"], ondelete="CASCADE"),)

    thread_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    namespace: Mapped[str] = mapped_column(Text, primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its number in the task; below zero for what is written once and overwritten."""
    channel: Mapped[str] = mapped_column(Text)
    task_path: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(20))
    value: Mapped[bytes] = mapped_column(LargeBinary)
