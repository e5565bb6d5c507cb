"""What happened to layers. Their words are in no event: they may be private, and events are kept and sent on."""

from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


class PromptCustomized(Event, frozen=True, kw_only=True):
    """A layer was written, or written anew."""

    name: ClassVar[str] = "prompt.customized"
    account_id: UUID
    customization_id: UUID
    agent_name: str
    mode: str
    is_active: bool


class PromptCustomizationRemoved(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "prompt.customization_removed"
    account_id: UUID
    customization_id: UUID
    agent_name: str
