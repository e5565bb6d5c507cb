"""Replies of this room."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from parlor.core.health import Status
from parlor.core.web.schemas import Reply
from parlor.ops.board import Observation


class Alive(Reply):
    status: str = "ok"


class ComponentRead(Reply):
    """One part of the house. `last_error`, `latency_ms`, `details` and `advice` are there for administrators and the health token only."""

    status: Status
    checked_at: datetime
    latency_ms: float | None = None
    last_error: str | None = None
    advice: str | None = None
    details: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, seen: Observation, *, in_full: bool) -> "ComponentRead":
        if not in_full:
            return cls(status=seen.status, checked_at=seen.checked_at)
        return cls(
            status=seen.status, checked_at=seen.checked_at, latency_ms=seen.latency_ms, last_error=seen.last_error, advice=seen.advice, details=seen.details
        )


class HealthRead(Reply):
    status: Status
    components: dict[str, ComponentRead]


class ModuleRead(Reply):
    name: str
    origin: str = Field(description='"built-in", "installed: <distribution>" or the folder it was found in.')
    on: bool
    health: Status | None = Field(description="Of the part that has the module's name; null when it has no check of its own, or is off.")


class ModuleList(Reply):
    items: list[ModuleRead]
    next_cursor: None = None
