"""What happened with tools, for whoever listens outside: webhooks, and the audit."""

from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


class ToolExecuted(Event, frozen=True, kw_only=True):
    """A tool was run for an account. Neither arguments nor result are told: they may hold anything."""

    name: ClassVar[str] = "tool.executed"

    account_id: UUID | None
    """None: at the operator's command line."""
    tool: str
    origin: str
    state: str
    """done, failed"""
    took_ms: int
    session_id: UUID | None = None
    turn_id: UUID | None = None
    agent: str | None = None
