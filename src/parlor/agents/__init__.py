"""Agents: a prompt, a model, tools and limits under one name, and the loop that runs them inside a turn.

Which session asks, and what was said before, comes from chat; tools are run by tools; the turn and its bill belong to turns.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.agents.catalog.agent import Agent
    from parlor.agents.catalog.registry import AgentRegistry
    from parlor.agents.definition import AgentDefinition
    from parlor.agents.errors import UnknownAgent
    from parlor.agents.langgraph.queries import drop_threads_of_session
    from parlor.agents.runs.assignment import Assignment, RunState
    from parlor.agents.runs.executors import AgentExecutor
    from parlor.agents.runs.run import AgentRun
    from parlor.agents.runs.runner import FREE, AgentRunner
    from parlor.agents.runtime_settings import AgentRuntimeSettings
    from parlor.agents.settings import AgentsSettings

__all__ = [
    "FREE", "Agent", "AgentDefinition", "AgentExecutor", "AgentRegistry", "AgentRun", "AgentRunner", "AgentRuntimeSettings",
    "AgentsSettings", "Assignment", "RunState",
    "UnknownAgent", "drop_threads_of_session",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "errors": "UnknownAgent",
        "runs.assignment": "Assignment RunState",
        "runs.executors": "AgentExecutor",
        "langgraph.queries": "drop_threads_of_session",
        "runs.run": "AgentRun",
        "runs.runner": "FREE AgentRunner",
        "catalog.agent": "Agent",
        "definition": "AgentDefinition",
        "catalog.registry": "AgentRegistry",
        "runtime_settings": "AgentRuntimeSettings",
        "settings": "AgentsSettings",
    },
)
