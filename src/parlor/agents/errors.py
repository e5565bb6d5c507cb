"""Refusals of agents."""

from parlor.core.errors import NotFound


class UnknownAgent(NotFound):
    code = "agents.unknown_agent"
    detail = "There is no such agent, or you may not use it."
