"""What happened to agents that people have made. `account_id` is who did it."""

from typing import ClassVar

from parlor.core.events import Event


class _OfAgent(Event, frozen=True, kw_only=True):
    """`is_shared`: it is for others too. What it is told is in no event."""

    agent: str
    is_shared: bool


class AgentCreated(_OfAgent, frozen=True, kw_only=True):
    name: ClassVar[str] = "agent.created"


class AgentChanged(_OfAgent, frozen=True, kw_only=True):
    name: ClassVar[str] = "agent.changed"
    version: int


class AgentDeleted(_OfAgent, frozen=True, kw_only=True):
    name: ClassVar[str] = "agent.deleted"
