"""Accounts, what proves who they are (sign-ins with their refresh tokens, API keys, identities elsewhere), and tokens that are sent by mail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
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
    groups: Mapped[list[str]] = mapped_column(Json)
    """Names, sorted, each once."""


class ErasureRow(Base):
    """That an account was erased, and how much by module. Nothing in it says whose it was."""

    __tablename__ = "erasures"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), unique=True)
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)
    receipt: Mapped[dict[str, int]] = mapped_column(Json)


class ErasedAddressRow(Base):
    """HMAC-SHA-256 of an address that had an account, under a key of this installation."""

    __tablename__ = "erased_addresses"

    mark: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


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
    method: Mapped[str] = mapped_column(String(16))
    """password, google, issuer or setup"""
    user_agent: Mapped[str | None] = mapped_column(String(300))
    address: Mapped[str | None] = mapped_column(String(64))


class RefreshTokenRow(Base):
    """Only the SHA-256 of a token is stored. A token that was used has one successor, which is derived from it and not named here."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_sign_in_id", "sign_in_id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ApiKeyRow(Base):
    """A key for programs. Its text is shown once; only the SHA-256 is stored, and the first characters, so that its owner can tell keys apart."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_account_id", "account_id", "id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ExternalIdentityRow(Base):
    """Somebody whom an issuer knows as `subject`, and the account that is theirs here."""

    __tablename__ = "external_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index("ix_external_identities_account_id", "account_id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class SignInFlowRow(Base):
    """A sign-in at an issuer that has begun here and not come back yet. Deleted when it does: each works once."""

    __tablename__ = "sign_in_flows"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64))
    code_verifier: Mapped[str] = mapped_column(String(128))
    next_path: Mapped[str] = mapped_column(String(2048))
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class MailedTokenRow(Base):
    """A single-use token in a link that was mailed to `email`; a new address makes it worthless. Only its SHA-256 is stored."""

    __tablename__ = "mailed_tokens"
    __table_args__ = (CheckConstraint("purpose IN ('verify_email', 'reset_password')", name="purpose"), Index("ix_mailed_tokens_account_id", "account_id"))

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
