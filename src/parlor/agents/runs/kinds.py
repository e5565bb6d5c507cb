"""Which executor runs which kind of agent. Those of other people's objects are built when the first such agent is asked."""

from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.runs.executors import AgentExecutor
from parlor.agents.runs.loop import LoopExecutor
from parlor.agents.runs.objects import ObjectExecutor
from parlor.config import Settings
from parlor.core.db import Database
from parlor.core.errors import Misconfigured

if TYPE_CHECKING:
    from parlor.agents.catalog.agent import Agent

NEEDS_EXTRA = 'kind = "langgraph" needs the extra of that name: install parlor[langgraph]'


class ExecutorKinds:
    def __init__(self, db: Database, settings: Settings, operators: OperatorAgents) -> None:
        self._db = db
        self._operators = operators
        self._place = settings.place
        self._loop = LoopExecutor()

    def of(self, agent: "Agent") -> AgentExecutor:
        """Raises Misconfigured for an agent that names code which no agent of the operator's names, as a stored one could that has outlived theirs."""
        code = agent.definition.graph or agent.definition.object
        if code is not None and code not in self._operators.code:
            raise Misconfigured(f"the agent {agent.name!r} names {code!r}, which no agent in the settings and the files does")
        match agent.definition.kind:
            case "loop":
                return self._loop
            case "python":
                return self._objects
            case "langgraph":
                return self._graphs

    @cached_property
    def _objects(self) -> AgentExecutor:
        return ObjectExecutor(self._place)

    @cached_property
    def _graphs(self) -> AgentExecutor:
        if not has_langgraph():
            raise Misconfigured(NEEDS_EXTRA)
        from parlor.agents.langgraph.executor import GraphExecutor

        return GraphExecutor(self._db, self._place)


def has_langgraph() -> bool:
    """Whether the extra is installed. Imports nothing."""
    return find_spec("langgraph") is not None and find_spec("langchain") is not None
