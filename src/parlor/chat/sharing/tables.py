"""Links that show a session to others."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, UtcTime


class SessionShare(Base):
    """One a session. What was said before it was shared never changes, so that the last message of the branch names the whole snapshot.

    Of the token there is only its SHA-256.
    """

    __tablename__ = "session_shares"
    __table_args__ = (Index("ix_session_shares_account_id", "account_id"),)

    session_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sessions.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    message_id: Mapped[UUID] = mapped_column(Id)
    title: Mapped[str] = mapped_column(String(300))
    shared_at: Mapped[datetime] = mapped_column(UtcTime)
