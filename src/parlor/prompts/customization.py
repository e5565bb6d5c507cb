"""What a customization is, stored and before."""

from datetime import datetime
from uuid import UUID

import msgspec

from parlor.prompts.composing import Layer, Mode

Stamp = tuple[tuple[UUID, int], ...]
"""Of the active layers of a user over an agent: id and revision of each. Equal exactly as long as the layers are."""


class Draft(msgspec.Struct, frozen=True):
    """What a user asks for. `slot` is there exactly with the mode `slot`."""

    mode: Mode
    content: str
    slot: str | None = None
    priority: int = 0
    is_active: bool = True


class Customization(msgspec.Struct, frozen=True):
    id: UUID
    account_id: UUID
    agent_name: str
    mode: Mode
    slot: str | None
    content: str
    priority: int
    is_active: bool
    base_version: str
    created_at: datetime
    updated_at: datetime

    @property
    def layer(self) -> Layer:
        return Layer(self.id, self.mode, self.slot, self.content, self.priority, self.base_version)


class Written(msgspec.Struct, frozen=True):
    customization: Customization
    is_repeat: bool = False
    """The request with this Idempotency-Key came before, and this is what it made, as it is now."""
