"""What happened to layers. Their words are in no event: they may be private, and events are kept and sent on."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class PromptCustomized(Event):
    """A layer was written, or written anew."""

    name: ClassVar[str] = "prompt.customized"
    account_id: UUID
    customization_id: UUID
    agent_name: str
    mode: str
    is_active: bool


@dataclass(frozen=True, kw_only=True)
class PromptCustomizationRemoved(Event):
    name: ClassVar[str] = "prompt.customization_removed"
    account_id: UUID
    customization_id: UUID
    agent_name: str
