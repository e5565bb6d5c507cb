"""Accounts, what proves who they are (sign-ins with their refresh tokens, API keys, identities elsewhere), and tokens that are sent by mail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text

from parlor.core.db import Base, ColumnOf, Id, Json, UtcTime


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

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    email: ColumnOf[str | None] = Column(String(254), unique=True)
    username: ColumnOf[str | None] = Column(String(64), unique=True)
    display_name: ColumnOf[str | None] = Column(String(200))
    role: ColumnOf[str] = Column(String(16))
    status: ColumnOf[str] = Column(String(16))
    email_verified: ColumnOf[bool] = Column(Boolean)
    password_hash: ColumnOf[str | None] = Column(String(255))
    preferences: ColumnOf[dict[str, Any]] = Column(Json)
    locale: ColumnOf[str | None] = Column(String(35))
    avatar_url: ColumnOf[str | None] = Column(String(2048))
    token_version: ColumnOf[int] = Column(Integer)
    is_first_admin: ColumnOf[bool] = Column(Boolean)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    updated_at: ColumnOf[datetime] = Column(UtcTime)
    erased_at: ColumnOf[datetime | None] = Column(UtcTime)
    groups: ColumnOf[list[str]] = Column(Json)
    """Names, sorted, each once."""


class ErasureRow(Base):
    """That an account was erased, and how much by module. Nothing in it says whose it was."""

    __tablename__ = "erasures"

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"), unique=True)
    requested_at: ColumnOf[datetime] = Column(UtcTime)
    erased_at: ColumnOf[datetime | None] = Column(UtcTime)
    receipt: ColumnOf[dict[str, int]] = Column(Json)


class ErasedAddressRow(Base):
    """HMAC-SHA-256 of an address that had an account, under a key of this installation."""

    __tablename__ = "erased_addresses"

    mark: ColumnOf[bytes] = Column(LargeBinary(32), primary_key=True)
    erased_at: ColumnOf[datetime] = Column(UtcTime, index=True)


class SignInRow(Base):
    """One signed-in device: what `POST /auth/login` opens and a logout, a theft or a new password ends. Its id is in the access tokens as `sid`."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_account_id", "account_id"),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    created_at: ColumnOf[datetime] = Column(UtcTime)
    last_used_at: ColumnOf[datetime] = Column(UtcTime)
    expires_at: ColumnOf[datetime] = Column(UtcTime, index=True)
    ended_at: ColumnOf[datetime | None] = Column(UtcTime)
    end_reason: ColumnOf[str | None] = Column(String(32))
    method: ColumnOf[str] = Column(String(16))
    """password, google, issuer or setup"""
    user_agent: ColumnOf[str | None] = Column(String(300))
    address: ColumnOf[str | None] = Column(String(64))


class RefreshTokenRow(Base):
    """Only the SHA-256 of a token is stored. A token that was used has one successor, which is derived from it and not named here."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_sign_in_id", "sign_in_id"),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    sign_in_id: ColumnOf[UUID] = Column(Id, ForeignKey("sign_ins.id", ondelete="CASCADE"))
    token_hash: ColumnOf[bytes] = Column(LargeBinary(32), unique=True)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    used_at: ColumnOf[datetime | None] = Column(UtcTime)


class ApiKeyRow(Base):
    """A key for programs. Its text is shown once; only the SHA-256 is stored, and the first characters, so that its owner can tell keys apart."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_account_id", "account_id", "id"),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    name: ColumnOf[str] = Column(String(100))
    prefix: ColumnOf[str] = Column(String(16))
    key_hash: ColumnOf[bytes] = Column(LargeBinary(32), unique=True)
    scopes: ColumnOf[list[str]] = Column(Json)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    last_used_at: ColumnOf[datetime | None] = Column(UtcTime)
    revoked_at: ColumnOf[datetime | None] = Column(UtcTime)


class ExternalIdentityRow(Base):
    """Somebody whom an issuer knows as `subject`, and the account that is theirs here."""

    __tablename__ = "external_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index("ix_external_identities_account_id", "account_id"))

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    issuer: ColumnOf[str] = Column(String(255))
    subject: ColumnOf[str] = Column(String(255))
    email: ColumnOf[str | None] = Column(String(254))
    created_at: ColumnOf[datetime] = Column(UtcTime)


class SignInFlowRow(Base):
    """A sign-in at an issuer that has begun here and not come back yet. Deleted when it does: each works once."""

    __tablename__ = "sign_in_flows"

    state_hash: ColumnOf[bytes] = Column(LargeBinary(32), primary_key=True)
    nonce: ColumnOf[str] = Column(String(64))
    code_verifier: ColumnOf[str] = Column(String(128))
    next_path: ColumnOf[str] = Column(String(2048))
    expires_at: ColumnOf[datetime] = Column(UtcTime, index=True)


class MailedTokenRow(Base):
    """A single-use token in a link that was mailed to `email`; a new address makes it worthless. Only its SHA-256 is stored."""

    __tablename__ = "mailed_tokens"
    __table_args__ = (CheckConstraint("purpose IN ('verify_email', 'reset_password')", name="purpose"), Index("ix_mailed_tokens_account_id", "account_id"))

    token_hash: ColumnOf[bytes] = Column(LargeBinary(32), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    purpose: ColumnOf[str] = Column(String(20))
    email: ColumnOf[str] = Column(String(254))
    created_at: ColumnOf[datetime] = Column(UtcTime)
    expires_at: ColumnOf[datetime] = Column(UtcTime, index=True)
    used_at: ColumnOf[datetime | None] = Column(UtcTime)
