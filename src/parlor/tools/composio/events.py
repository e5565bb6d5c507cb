"""What happened to connections."""

from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


class ComposioConnectionActive(Event, frozen=True, kw_only=True):
    """Somebody has connected what is theirs."""

    name: ClassVar[str] = "composio.connection_active"
    account_id: UUID
    connection_id: UUID
    toolkit: str


class ComposioConnectionFailed(Event, frozen=True, kw_only=True):
    """A sign-in came to nothing, or a connection works no more. `status`: failed, expired, revoked or deleted."""

    name: ClassVar[str] = "composio.connection_failed"
    account_id: UUID
    connection_id: UUID
    toolkit: str
    status: str
