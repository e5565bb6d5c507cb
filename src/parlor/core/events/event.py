"""What an event is, before and after it was stored, and who hears it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.core.db import Transaction

EVERYTHING = "*"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. Subclasses are past-tense frozen structs with a stable `name` ("user.registered") and fields that JSON can hold."""

    name: ClassVar[str]
    account_id: UUID | None

    @property
    def aggregate(self) -> str:
        """Events of one aggregate reach a subscriber in the order they were recorded. By default all of one account."""
        return str(self.account_id)

    def body(self) -> dict[str, Any]:
        """Its own fields; ids and times become text when they are stored."""
        return {field.name: getattr(self, field.name) for field in msgspec.structs.fields(self) if field.name != "account_id"}


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as a subscriber gets it: the same `id` each time it is delivered. `body` holds the event's own fields as JSON."""

    id: UUID
    name: str
    body: Mapping[str, Any]
    account_id: UUID | None
    actor: str | None
    address: str | None
    request_id: str | None
    created_at: datetime


class Subscriber(msgspec.Struct, frozen=True):
    """`name` is unique and stable (jobs of this name wait in the database); `event` is one event's name, or "*" for all.

    `handler` is `async (StoredEvent) -> None`: it runs after the transaction, at least once, and is tried again when it raises.
    With `inside` it is `(Transaction, Event) -> None` and runs at once in the recording transaction, which fails with it.
    """

    name: str
    event: str
    handler: Callable[[StoredEvent], Awaitable[None]] | Callable[[Transaction, Any], None]
    inside: bool = False
    attempts: int = 8
    timeout_seconds: float = 60

    def hears(self, name: str) -> bool:
        return self.event in (name, EVERYTHING)
