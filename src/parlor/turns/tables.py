"""Turns, the stored segments of their logs, and their steps (tool calls)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import WITHOUT_ROWID, Base, Id, Json, UtcTime

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

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    session_id: Mapped[UUID | None] = mapped_column(Id)
    """None once the session was deleted: the turn stays for the books and is visible to nobody."""
    question_id: Mapped[UUID] = mapped_column(Id)
    answer_id: Mapped[UUID] = mapped_column(Id)
    """Given out in T1; a message of this id exists only once there is something to keep."""
    agent: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(300))
    """The one that was asked; once the turn has ended, the one that answered."""
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(40))
    epoch: Mapped[int] = mapped_column(Integer)
    lease_owner: Mapped[UUID | None] = mapped_column(Id)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    is_stop_requested: Mapped[bool] = mapped_column(Boolean)
    input_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
    output_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
    """The price when the turn began: an old charge can always be explained."""
    price_version_id: Mapped[UUID | None] = mapped_column(Id)
    """Where that price came from, if an administrator had set it."""
    prompt_tokens_estimate: Mapped[int] = mapped_column(Integer)
    hold_micros: Mapped[int] = mapped_column(BigInteger)
    usage: Mapped[dict[str, Any] | None] = mapped_column(Json)
    charge_micros: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TurnSegment(Base):
    """A stretch of a turn's log: `entries` is what `segments.pack` made of the events `first` to `last`.

    Text and not JSON: Postgres would reorder the keys of objects, and a replay would not have the bytes that were sent.
    """

    __tablename__ = "turn_segments"
    __table_args__ = WITHOUT_ROWID

    turn_id: Mapped[UUID] = mapped_column(Id, ForeignKey("turns.id"), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[str] = mapped_column(Text)


class TurnStep(Base):
    """A tool call: the row is there before the tool is run, so that after a crash nobody runs it twice."""

    __tablename__ = "turn_steps"
    __table_args__ = (Index("ix_turn_steps_turn", "turn_id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    turn_id: Mapped[UUID] = mapped_column(Id, ForeignKey("turns.id"))
    epoch: Mapped[int] = mapped_column(Integer)
    call_id: Mapped[str] = mapped_column(Text)
    """As the provider made it: some carry hundreds of characters of their own state in it."""
    tool: Mapped[str] = mapped_column(String(200))
    arguments: Mapped[Any] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(20))
    """started, done, failed, unknown_outcome; asked: the tool needs a person first, and has done nothing"""
    outcome: Mapped[Any] = mapped_column(Json, nullable=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TurnQuestion(Base):
    """What a turn wants to know from a person before it goes on. Answered once, from any device; `void` once its turn has ended without an answer."""

    __tablename__ = "turn_questions"
    __table_args__ = (
        Index("ix_turn_questions_turn", "turn_id"),
        Index("ix_turn_questions_open", "expires_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    turn_id: Mapped[UUID] = mapped_column(Id, ForeignKey("turns.id"))
    call_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(20))
    """approval, form, signin"""
    tool: Mapped[str] = mapped_column(String(200))
    arguments: Mapped[Any] = mapped_column(Json, nullable=True)
    arguments_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Of the tool's name and its arguments: what is run after a yes is what was shown."""
    key: Mapped[str] = mapped_column(String(200))
    """Which question of the call it is, in the tool's own words; empty for an approval."""
    text: Mapped[str] = mapped_column(Text)
    schema: Mapped[Any] = mapped_column(Json, nullable=True)
    url: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    """open, answered, void"""
    answer: Mapped[Any] = mapped_column(Json, nullable=True)
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TurnContinuation(Base):
    """Where a turn that waits goes on, as whoever runs it wrote it down. There from the pause until the turn runs again, or ends."""

    __tablename__ = "turn_continuations"
    __table_args__ = WITHOUT_ROWID

    turn_id: Mapped[UUID] = mapped_column(Id, ForeignKey("turns.id"), primary_key=True)
    state: Mapped[str] = mapped_column(Text)
