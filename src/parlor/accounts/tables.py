"""Accounts, their sign-ins (a device each, the family of its refresh tokens), and the refresh tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, Json, UtcTime


class AccountRow(Base):
    """`email` and `username` are stored in their one spelling (lower case). `token_version` counts what ends every access token of the account.

    An erased account keeps its row, without the person in it, because the ledger points there.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("role IN ('user', 'admin')", name="role"),
        CheckConstraint("status IN ('active', 'suspended')", name="status"),
        Index("uq_accounts_first_admin", "is_first_admin", unique=True, sqlite_where=text("is_first_admin"), postgresql_where=text("is_first_admin")),
        Index("ix_accounts_admins", "id", sqlite_where=text("role = 'admin'"), postgresql_where=text("role = 'admin'")),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    username: Mapped[str | None] = mapped_column(String(64), unique=True)
    display_name: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    email_verified: Mapped[bool] = mapped_column(Boolean)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    preferences: Mapped[dict[str, Any]] = mapped_column(Json)
    locale: Mapped[str | None] = mapped_column(String(35))
    avatar_url: Mapped[str | None] = mapped_column(String(2048))
    token_version: Mapped[int] = mapped_column(Integer)
    is_first_admin: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)


class SignInRow(Base):
    """One signed-in device: what `POST /auth/login` opens and a logout, a theft or a new password ends. Its id is in the access tokens as `sid`."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_account_id", "account_id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))


class RefreshTokenRow(Base):
    """Only the SHA-256 of a token is stored. A token that was used has one successor, which is derived from it and not named here."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_sign_in_id", "sign_in_id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
