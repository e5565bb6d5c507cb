"""What others may hear about titles."""

from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


class SessionTitled(Event, frozen=True, kw_only=True):
    """A model has written a session's title. The words are in the session, where they are erased with it."""

    name: ClassVar[str] = "session.titled"

    account_id: UUID
    session_id: UUID
    model: str
