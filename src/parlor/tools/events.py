"""What happened with tools, for whoever listens outside: webhooks, and the audit."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class ToolExecuted(Event):
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
