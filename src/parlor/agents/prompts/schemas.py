"""Replies about the prompts of agents."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from parlor.agents.prompts.agent_prompts import ShownPrompt
from parlor.core.web.schemas import Reply
from parlor.prompts import Ignored, Mode, Part


class PromptPartRead(Reply):
    """`text` is as it was written, with its tags."""

    source: UUID | Literal["base"] = Field(serialization_alias="from", description="The id of a customization, or base: the agent's own prompt.")
    mode: Mode | Literal["base"]
    text: str
    base_version: str = Field(description="Of the agent's prompt: what it is now, or was when the customization was written over it.")
    slot: str | None = None
    stale: bool = Field(description="The agent's prompt has changed since. The customization still counts.")
    ignored: Ignored | None = Field(default=None, description="Why it is not in the prompt.")

    @classmethod
    def of(cls, part: Part) -> "PromptPartRead":
        return cls(
            source=part.source or "base",
            mode=part.mode,
            text=part.text,
            base_version=part.base_version,
            slot=part.slot,
            stale=part.stale,
            ignored=part.ignored,
        )


class EffectivePromptRead(Reply):
    """`layers` in the order in which they stand in the text, then what fills slots, then what is ignored."""

    text: str = Field(description="What the model would be given now. {{history}} stays, because each session has its own.")
    layers: list[PromptPartRead]

    @classmethod
    def of(cls, shown: ShownPrompt) -> "EffectivePromptRead":
        return cls(text=shown.text, layers=[PromptPartRead.of(part) for part in shown.prompt.parts])
