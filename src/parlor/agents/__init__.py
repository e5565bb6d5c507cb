"""Agents: a prompt, a model, tools and limits under one name, and the loop that runs them inside a turn.

Which session asks, and what was said before, comes from chat; tools are run by tools; the turn and its bill belong to turns.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.agents.course import LoopState
    from parlor.agents.errors import UnknownAgent
    from parlor.agents.loop import AgentLoop, Assignment
    from parlor.agents.registry import Agent, AgentRegistry
    from parlor.agents.settings import AgentsSettings

__all__ = [
    "Agent", "AgentLoop", "AgentRegistry", "AgentsSettings", "Assignment", "LoopState", "UnknownAgent",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "errors": "UnknownAgent",
        "course": "LoopState",
        "loop": "AgentLoop Assignment",
        "registry": "Agent AgentRegistry",
        "settings": "AgentsSettings",
    },
)
