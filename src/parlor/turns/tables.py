"""Turns, the stored segments of their logs, and their steps (tool calls)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, text

from parlor.core.db import WITHOUT_ROWID, Base, ColumnOf, Id, Json, UtcTime

_BUSY = text("state IN ('queued', 'running', 'awaiting_input')")
_LEASED = text("state IN ('queued', 'running')")
_AWAITING = text("state = 'awaiting_input'")
_OPEN = text("state = 'open'")


class Turn(Base):
    """One question and its answer. Who runs it holds the lease; every write after T1 is fenced by (id, epoch)."""

    __tablename__ = "turns"
    __table_args__ = (
        Index("uq_turns_one_busy_per_session", "session_id", unique=True, sqlite_where=_BUSY, postgresql_where=_BUSY),
        Index("ix_turns_lease", "lease_expires_at", sqlite_where=_LEASED, postgresql_where=_LEASED),
        Index("ix_turns_account", "account_id", "id"),
        Index("ix_turns_awaiting", "id", sqlite_where=_AWAITING, postgresql_where=_AWAITING),
        WITHOUT_ROWID,
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    session_id: ColumnOf[UUID | None] = Column(Id)
    """None once the session was deleted: the turn stays for the books and is visible to nobody."""
    question_id: ColumnOf[UUID] = Column(Id)
    answer_id: ColumnOf[UUID] = Column(Id)
    """Given out in T1; a message of this id exists only once there is something to keep."""
    agent: ColumnOf[str] = Column(String(200))
    model: ColumnOf[str] = Column(String(300))
    """The one that was asked; once the turn has ended, the one that answered."""
    state: ColumnOf[str] = Column(String(20))
    reason: ColumnOf[str | None] = Column(String(40))
    epoch: ColumnOf[int] = Column(Integer)
    lease_owner: ColumnOf[UUID | None] = Column(Id)
    lease_expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    is_stop_requested: ColumnOf[bool] = Column(Boolean)
    input_micros_per_mtok: ColumnOf[int] = Column(BigInteger)
    output_micros_per_mtok: ColumnOf[int] = Column(BigInteger)
    """The price when the turn began: an old charge can always be explained."""
    price_version_id: ColumnOf[UUID | None] = Column(Id)
    """Where that price came from, if an administrator had set it."""
    prompt_tokens_estimate: ColumnOf[int] = Column(Integer)
    hold_micros: ColumnOf[int] = Column(BigInteger)
    usage: ColumnOf[dict[str, Any] | None] = Column(Json)
    charge_micros: ColumnOf[int | None] = Column(BigInteger)
    started_at: ColumnOf[datetime] = Column(UtcTime)
    ended_at: ColumnOf[datetime | None] = Column(UtcTime)


class TurnSegment(Base):
    """A stretch of a turn's log: `entries` is what `segments.pack` made of the events `first` to `last`.

    Text and not JSON: Postgres would reorder the keys of objects, and a replay would not have the bytes that were sent.
    """

    __tablename__ = "turn_segments"
    __table_args__ = WITHOUT_ROWID

    turn_id: ColumnOf[UUID] = Column(Id, ForeignKey("turns.id"), primary_key=True)
    first: ColumnOf[int] = Column(BigInteger, primary_key=True)
    last: ColumnOf[int] = Column(BigInteger)
    entries: ColumnOf[str] = Column(Text)


class TurnStep(Base):
    """A tool call: the row is there before the tool is run, so that after a crash nobody runs it twice."""

    __tablename__ = "turn_steps"
    __table_args__ = (Index("ix_turn_steps_turn", "turn_id"),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    turn_id: ColumnOf[UUID] = Column(Id, ForeignKey("turns.id"))
    epoch: ColumnOf[int] = Column(Integer)
    call_id: ColumnOf[str] = Column(Text)
    """As the provider made it: some carry hundreds of characters of their own state in it."""
    tool: ColumnOf[str] = Column(String(200))
    arguments: ColumnOf[Any] = Column(Json)
    state: ColumnOf[str] = Column(String(20))
    """started, done, failed, unknown_outcome; asked: the tool needs a person first, and has done nothing"""
    outcome: ColumnOf[Any | None] = Column(Json)
    started_at: ColumnOf[datetime] = Column(UtcTime)
    ended_at: ColumnOf[datetime | None] = Column(UtcTime)


class TurnQuestion(Base):
    """What a turn wants to know from a person before it goes on. Answered once, from any device; `void` once its turn has ended without an answer."""

    __tablename__ = "turn_questions"
    __table_args__ = (
        Index("ix_turn_questions_turn", "turn_id"),
        Index("ix_turn_questions_open", "expires_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    turn_id: ColumnOf[UUID] = Column(Id, ForeignKey("turns.id"))
    call_id: ColumnOf[str] = Column(Text)
    kind: ColumnOf[str] = Column(String(20))
    """approval, form, signin"""
    tool: ColumnOf[str] = Column(String(200))
    arguments: ColumnOf[Any | None] = Column(Json)
    arguments_hash: ColumnOf[bytes] = Column(LargeBinary(32))
    """Of the tool's name and its arguments: what is run after a yes is what was shown."""
    key: ColumnOf[str] = Column(String(200))
    """Which question of the call it is, in the tool's own words; empty for an approval."""
    text: ColumnOf[str] = Column(Text)
    schema: ColumnOf[Any | None] = Column(Json)
    url: ColumnOf[str | None] = Column(Text)
    state: ColumnOf[str] = Column(String(20))
    """open, answered, void"""
    answer: ColumnOf[Any | None] = Column(Json)
    asked_at: ColumnOf[datetime] = Column(UtcTime)
    expires_at: ColumnOf[datetime] = Column(UtcTime)
    answered_at: ColumnOf[datetime | None] = Column(UtcTime)


class TurnContinuation(Base):
    """Where a turn that waits goes on, as whoever runs it wrote it down. There from the pause until the turn runs again, or ends."""

    __tablename__ = "turn_continuations"
    __table_args__ = WITHOUT_ROWID

    turn_id: ColumnOf[UUID] = Column(Id, ForeignKey("turns.id"), primary_key=True)
    state: ColumnOf[str] = Column(Text)
