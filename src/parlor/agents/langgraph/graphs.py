"""The graphs that definitions name, ready to be run."""

import asyncio
import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from langgraph.graph.state import CompiledStateGraph, StateGraph

from parlor.agents.langgraph.chat_models import chat_model
from parlor.agents.langgraph.saver import ParlorSaver
from parlor.agents.langgraph.tools import parlor_tools
from parlor.agents.runs.named import CannotLoad, load_named
from parlor.agents.runs.run import AgentRun

Graph = CompiledStateGraph[Any, Any, Any, Any]
_BUILT = "graph"
"""Under this name an agent keeps it."""
MESSAGES = "messages"
_GIVEN: dict[str, Callable[[], Any]] = {"model": chat_model, "tools": parlor_tools}
"""What a factory may ask for, by the names of its parameters."""


class Graphs:
    """Each is built once for an agent that is kept ready for a user, with the tools that it then has, and lives as long as that is kept."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._building = asyncio.Lock()

    async def of(self, run: AgentRun) -> Graph:
        """Inside the run. Raises CannotLoad, naming the agent."""
        built = run.agent.built
        async with self._building:
            if _BUILT not in built:
                built[_BUILT] = await self._build(run.agent.name, run.agent.definition.graph or "")
        return built[_BUILT]

    async def _build(self, agent: str, name: str) -> Graph:
        try:
            return _compiled(await _made(await asyncio.to_thread(load_named, name, self._place)))
        except CannotLoad as error:
            raise CannotLoad(f"The graph of the agent {agent!r}: {error.detail}.") from error


def kept_by(graph: Graph, saver: ParlorSaver) -> Graph:
    """The same graph with our checkpoints, whatever it was compiled with."""
    mine = copy.copy(graph)
    mine.checkpointer = saver
    return mine


def complaint_about(named: Any) -> str | None:
    """What is wrong with an object as a graph, as far as can be seen without calling it."""
    if isinstance(named, CompiledStateGraph | StateGraph) or callable(named):
        return None
    return f"it is a {type(named).__qualname__}, and neither a compiled graph, nor a StateGraph, nor a function that makes one"


async def _made(named: Any) -> Any:
    if isinstance(named, CompiledStateGraph | StateGraph) or not callable(named):
        return cast("Any", named)
    given = {each: _GIVEN[each]() for each in inspect.signature(named).parameters if each in _GIVEN}
    try:
        made = cast("Callable[..., Any]", named)(**given)
        return await made if inspect.isawaitable(made) else made
    except Exception as error:
        raise CannotLoad(f"its factory failed: {type(error).__name__}: {error}") from error


def _compiled(made: Any) -> Graph:
    if isinstance(made, StateGraph):
        made = cast("Any", made).compile()
    if not isinstance(made, CompiledStateGraph):
        raise CannotLoad(complaint_about(made) or f"its factory made a {type(made).__qualname__}, and not a graph")
    if MESSAGES not in cast("Any", made).channels:
        raise CannotLoad("its state has no `messages`: build it on langgraph.graph.MessagesState")
    return cast("Graph", made)
