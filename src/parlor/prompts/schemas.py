"""Bodies and replies of customizations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header
from pydantic import Field, model_validator

from parlor.core.web.schemas import Body, Reply
from parlor.prompts.composing import Mode
from parlor.prompts.customization import Draft
from parlor.prompts.templates import SLOT_PATTERN

MOST_PRIORITY = 1_000_000
IdempotencyHeader = Annotated[str | None, Header(alias="Idempotency-Key", description="The same key and body again give the same result, for 24 hours.")]
AgentName = Annotated[str, Field(min_length=1, max_length=200)]


class CustomizationWrite(Body):
    """A layer over the prompt of an agent. It may use values such as `{{user.display_name}}` and `{{date}}`."""

    agent_name: AgentName
    mode: Mode = Field(description="append, prepend: after or before the agent's prompt. replace: in its place. slot: into a slot of it.")
    slot: Annotated[str, Field(pattern=f"^{SLOT_PATTERN}$")] | None = Field(default=None, description="With the mode slot, and with no other.")
    content: str = Field(min_length=1, description="How long it may be is a setting of the server; 8000 characters unless it says otherwise.")
    priority: int = Field(default=0, strict=True, ge=-MOST_PRIORITY, le=MOST_PRIORITY, description="The higher stands further out, and wins.")
    is_active: bool = Field(default=True, strict=True)

    @model_validator(mode="after")
    def _makes_sense(self) -> "CustomizationWrite":
        if (self.mode == "slot") != (self.slot is not None):
            raise ValueError("name a slot with the mode slot, and with no other")
        if not self.content.strip() or "\x00" in self.content:
            raise ValueError("the content is empty, or holds the character NUL")
        return self

    def draft(self) -> Draft:
        return Draft(self.mode, self.content, self.slot, self.priority, self.is_active)


class CustomizationRead(Reply):
    """`base_version` is that of the agent's prompt when this was written over it."""

    id: UUID
    agent_name: str
    mode: Mode
    slot: str | None
    content: str
    priority: int
    is_active: bool
    base_version: str
    created_at: datetime
    updated_at: datetime
