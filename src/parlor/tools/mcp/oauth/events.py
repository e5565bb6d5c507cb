"""What happened to grants, for audit, and for turns that wait for a sign-in."""

from collections.abc import Sequence
from typing import ClassVar

from parlor.core.events import Event


class McpSignedIn(Event, frozen=True, kw_only=True):
    """The account has let Parlor use the server (`server` is its key) in its name. Recorded in the transaction that keeps the grant."""

    name: ClassVar[str] = "mcp.signed_in"
    server: str
    issuer: str
    scopes: Sequence[str]


class McpGrantLost(Event, frozen=True, kw_only=True):
    """The authorization server renews the grant no more (`error` is its word for it), so it was deleted: the account has to sign in again."""

    name: ClassVar[str] = "mcp.grant_lost"
    server: str
    issuer: str
    error: str


class McpGrantRevoked(Event, frozen=True, kw_only=True):
    """The account has taken the grant back. `is_revoked_there`: the authorization server has confirmed it."""

    name: ClassVar[str] = "mcp.grant_revoked"
    server: str
    issuer: str
    is_revoked_there: bool
