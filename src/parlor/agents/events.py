"""What happened to agents that people have made. `account_id` is who did it."""

from dataclasses import dataclass
from typing import ClassVar

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class _OfAgent(Event):
    """`is_shared`: it is for others too. What it is told is in no event."""

    agent: str
    is_shared: bool


@dataclass(frozen=True, kw_only=True)
class AgentCreated(_OfAgent):
    name: ClassVar[str] = "agent.created"


@dataclass(frozen=True, kw_only=True)
class AgentChanged(_OfAgent):
    name: ClassVar[str] = "agent.changed"
    version: int


@dataclass(frozen=True, kw_only=True)
class AgentDeleted(_OfAgent):
    name: ClassVar[str] = "agent.deleted"
