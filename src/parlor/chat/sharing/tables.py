"""Links that show a session to others."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String

from parlor.core.db import Base, ColumnOf, Id, UtcTime


class SessionShare(Base):
    """One a session. What was said before it was shared never changes, so that the last message of the branch names the whole snapshot.

    Of the token there is only its SHA-256.
    """

    __tablename__ = "session_shares"
    __table_args__ = (Index("ix_session_shares_account_id", "account_id"),)

    session_id: ColumnOf[UUID] = Column(Id, ForeignKey("sessions.id"), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    token_hash: ColumnOf[bytes] = Column(LargeBinary(32), unique=True)
    message_id: ColumnOf[UUID] = Column(Id)
    title: ColumnOf[str] = Column(String(300))
    shared_at: ColumnOf[datetime] = Column(UtcTime)
