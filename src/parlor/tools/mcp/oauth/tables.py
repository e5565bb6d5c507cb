"""Grants of users at tool servers, sign-ins that lead to one, and us as clients of authorization servers. Whatever opens something there is sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint

from parlor.core.db import Base, ColumnOf, Id, UtcTime

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

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    server_key: ColumnOf[str] = Column(String(MOST_KEY_CHARS))
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    server_url: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    is_trusted: ColumnOf[bool] = Column(Boolean)
    issuer: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    client_id: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    client_secret: ColumnOf[bytes | None] = Column(LargeBinary)
    auth_method: ColumnOf[str] = Column(String(32))
    redirect_uri: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    token_endpoint: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    revocation_endpoint: ColumnOf[str | None] = Column(String(MOST_URL_CHARS))
    resource: ColumnOf[str | None] = Column(String(MOST_URL_CHARS))
    scope: ColumnOf[str] = Column(String(MOST_SCOPE_CHARS))
    wanted_scope: ColumnOf[str | None] = Column(String(MOST_SCOPE_CHARS))
    """Also what the server has asked for since: the next sign-in asks for it."""
    access_token: ColumnOf[bytes] = Column(LargeBinary)
    refresh_token: ColumnOf[bytes | None] = Column(LargeBinary)
    expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    renewed_at: ColumnOf[datetime] = Column(UtcTime)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    epoch: ColumnOf[int] = Column(Integer)
    leased_until: ColumnOf[datetime | None] = Column(UtcTime)


class ToolSignInRow(Base):
    """A sign-in that has begun here and not come back yet. Deleted when it does: each works once. Holds all that its end needs, whichever replica sees it."""

    __tablename__ = "tool_sign_ins"
    __table_args__ = (Index("ix_tool_sign_ins_account_id", "account_id", "expires_at"),)

    state_hash: ColumnOf[bytes] = Column(LargeBinary(32), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id", ondelete="CASCADE"))
    server_key: ColumnOf[str] = Column(String(MOST_KEY_CHARS))
    server_url: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    is_trusted: ColumnOf[bool] = Column(Boolean)
    verifier: ColumnOf[bytes] = Column(LargeBinary)
    issuer: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    promises_issuer: ColumnOf[bool] = Column(Boolean)
    """The authorization server names itself when it sends somebody back: without that the answer is not its own."""
    client_id: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    client_secret: ColumnOf[bytes | None] = Column(LargeBinary)
    auth_method: ColumnOf[str] = Column(String(32))
    redirect_uri: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    token_endpoint: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    revocation_endpoint: ColumnOf[str | None] = Column(String(MOST_URL_CHARS))
    resource: ColumnOf[str | None] = Column(String(MOST_URL_CHARS))
    scope: ColumnOf[str] = Column(String(MOST_SCOPE_CHARS))
    expires_at: ColumnOf[datetime] = Column(UtcTime, index=True)


class ToolClientRow(Base):
    """Us, as an authorization server has registered us (RFC 7591)."""

    __tablename__ = "tool_clients"
    __table_args__ = (UniqueConstraint("issuer", "redirect_uri"),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    issuer: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    redirect_uri: ColumnOf[str] = Column(String(MOST_NAME_CHARS))
    client_id: ColumnOf[str] = Column(String(MOST_URL_CHARS))
    client_secret: ColumnOf[bytes | None] = Column(LargeBinary)
    auth_method: ColumnOf[str] = Column(String(32))
    expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    created_at: ColumnOf[datetime] = Column(UtcTime)
