"""Replies about shared sessions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from parlor.core.web.schemas import Reply


class ShareRead(Reply):
    token: str = Field(description="Shown once: whoever has it reads the snapshot.")
    url: str
    created_at: datetime


class SharedMessage(Reply):
    role: Literal["user", "assistant"]
    parts: list[dict[str, Any]] = Field(description="Text, sources, and of tools their names.")
    created_at: datetime


class SharedRead(Reply):
    """What a link shows: nothing of it says whose it is."""

    title: str
    messages: list[SharedMessage] = Field(description="Oldest first.")
    created_at: datetime = Field(description="When the session began.")
    shared_at: datetime
