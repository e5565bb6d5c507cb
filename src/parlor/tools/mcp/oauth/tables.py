"""Grants of users at tool servers, sign-ins that lead to one, and us as clients of authorization servers. Whatever opens something there is sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import Base, Id, UtcTime

MOST_KEY_CHARS = 300
MOST_URL_CHARS = 2048
MOST_NAME_CHARS = 1000
"""Of issuers and redirect URIs, which are in an index together."""
MOST_SCOPE_CHARS = 4000


class ToolGrantRow(Base):
    """What one account lets us do at one server. `server_url` is where its tokens may be sent, and nowhere else.

    `epoch` counts the tokens that there were: whoever changes them names the epoch that they have seen. `leased_until` is set while somebody renews them.
    """

    __tablename__ = "tool_grants"
    __table_args__ = (UniqueConstraint("server_key", "account_id"), Index("ix_tool_grants_account_id", "account_id", "id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    server_key: Mapped[str] = mapped_column(String(MOST_KEY_CHARS))
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    server_url: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    is_trusted: Mapped[bool] = mapped_column(Boolean)
    issuer: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    client_id: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    client_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    auth_method: Mapped[str] = mapped_column(String(32))
    redirect_uri: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    token_endpoint: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    revocation_endpoint: Mapped[str | None] = mapped_column(String(MOST_URL_CHARS))
    resource: Mapped[str | None] = mapped_column(String(MOST_URL_CHARS))
    scope: Mapped[str] = mapped_column(String(MOST_SCOPE_CHARS))
    wanted_scope: Mapped[str | None] = mapped_column(String(MOST_SCOPE_CHARS))
    """Also what the server has asked for since: the next sign-in asks for it."""
    access_token: Mapped[bytes] = mapped_column(LargeBinary)
    refresh_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    renewed_at: Mapped[datetime] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    epoch: Mapped[int] = mapped_column(Integer)
    leased_until: Mapped[datetime | None] = mapped_column(UtcTime)


class ToolSignInRow(Base):
    """A sign-in that has begun here and not come back yet. Deleted when it does: each works once. Holds all that its end needs, whichever replica sees it."""

    __tablename__ = "tool_sign_ins"
    __table_args__ = (Index("ix_tool_sign_ins_account_id", "account_id", "expires_at"),)

    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    server_key: Mapped[str] = mapped_column(String(MOST_KEY_CHARS))
    server_url: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    is_trusted: Mapped[bool] = mapped_column(Boolean)
    verifier: Mapped[bytes] = mapped_column(LargeBinary)
    issuer: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    promises_issuer: Mapped[bool] = mapped_column(Boolean)
    """The authorization server names itself when it sends somebody back: without that the answer is not its own."""
    client_id: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    client_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    auth_method: Mapped[str] = mapped_column(String(32))
    redirect_uri: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    token_endpoint: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    revocation_endpoint: Mapped[str | None] = mapped_column(String(MOST_URL_CHARS))
    resource: Mapped[str | None] = mapped_column(String(MOST_URL_CHARS))
    scope: Mapped[str] = mapped_column(String(MOST_SCOPE_CHARS))
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class ToolClientRow(Base):
    """Us, as an authorization server has registered us (RFC 7591)."""

    __tablename__ = "tool_clients"
    __table_args__ = (UniqueConstraint("issuer", "redirect_uri"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    issuer: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    redirect_uri: Mapped[str] = mapped_column(String(MOST_NAME_CHARS))
    client_id: Mapped[str] = mapped_column(String(MOST_URL_CHARS))
    client_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    auth_method: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
