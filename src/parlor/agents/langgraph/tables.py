"""Where graphs stand: their threads, the checkpoints of those, and what was written since."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, LargeBinary, String, Text

from parlor.core.db import Base, ColumnOf, Id, UtcTime


class GraphThread(Base):
    """What one graph remembers of one session, or of one question that another agent asks it."""

    __tablename__ = "graph_threads"
    __table_args__ = (Index("ix_graph_threads_account_id", "account_id"), Index("ix_graph_threads_session_id", "session_id"))

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    session_id: ColumnOf[UUID] = Column(Id)
    agent: ColumnOf[str] = Column(String(200))
    answer_id: ColumnOf[UUID | None] = Column(Id)
    """The message that it stands at: a question that follows another one begins a new thread. None while a turn is in it, and after one that broke off."""
    created_at: ColumnOf[datetime] = Column(UtcTime)


class GraphCheckpoint(Base):
    """The whole state of the graph after one step. `namespace` is '' or names a graph inside it."""

    __tablename__ = "graph_checkpoints"

    thread_id: ColumnOf[UUID] = Column(Id, ForeignKey("graph_threads.id", ondelete="CASCADE"), primary_key=True)
    namespace: ColumnOf[str] = Column(Text, primary_key=True)
    checkpoint_id: ColumnOf[str] = Column(String(64), primary_key=True)
    """Of LangGraph's making: later ones sort after earlier ones."""
    parent_id: ColumnOf[str | None] = Column(String(64))
    type: ColumnOf[str] = Column(String(20))
    """How `checkpoint` and `checkpoint_metadata` are serialized."""
    checkpoint: ColumnOf[bytes] = Column(LargeBinary)
    checkpoint_metadata: ColumnOf[bytes] = Column(LargeBinary)


class GraphWrite(Base):
    """What a task of the step after a checkpoint has written before that step is over: results, interrupts, the answers to them."""

    __tablename__ = "graph_writes"
    __table_args__ = (ForeignKeyConstraint(["thread_id"], ["graph_threads.id"], ondelete="CASCADE"),)

    thread_id: ColumnOf[UUID] = Column(Id, primary_key=True)
    namespace: ColumnOf[str] = Column(Text, primary_key=True)
    checkpoint_id: ColumnOf[str] = Column(String(64), primary_key=True)
    task_id: ColumnOf[str] = Column(String(64), primary_key=True)
    at: ColumnOf[int] = Column(Integer, primary_key=True, autoincrement=False)
    """Its number in the task; below zero for what is written once and overwritten."""
    channel: ColumnOf[str] = Column(Text)
    task_path: ColumnOf[str] = Column(Text)
    type: ColumnOf[str] = Column(String(20))
    value: ColumnOf[bytes] = Column(LargeBinary)
