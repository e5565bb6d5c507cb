"""Runs a graph inside a turn, from the question to its answer, or to what people must be asked first."""

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langgraph.types import Command

from parlor.agents.langgraph.current import GraphRun, entered
from parlor.agents.langgraph.graphs import MESSAGES, Graph, Graphs, kept_by
from parlor.agents.langgraph.messages import to_messages
from parlor.agents.langgraph.narrator import Narrator
from parlor.agents.langgraph.questions import GraphState, is_refused, questions_of, resume_values
from parlor.agents.langgraph.saver import ParlorSaver
from parlor.agents.langgraph.threads import GraphThreads
from parlor.agents.langgraph.workers import use_graph_workers
from parlor.agents.runs.loop import ending
from parlor.agents.runs.run import AgentRun
from parlor.core.db import Database
from parlor.turns import COMPLETED, Ending, Paused, Reason, TurnFailure

SUPERSTEPS_PER_STEP = 6
"""A graph takes several steps of its own for one call of the model: the model, its tools, and what middleware puts between them."""

_MODES = ["messages", "updates"]


class GraphExecutor:
    """One for each loop: it is made in it, when the first graph is asked."""

    def __init__(self, db: Database, place: Path) -> None:
        use_graph_workers()
        self._db = db
        self._graphs = Graphs(place)
        self._threads = GraphThreads(db)

    async def run(self, run: AgentRun) -> Ending | Paused:
        state = None if run.own_state is None else GraphState.decode(run.own_state)
        graph_run = GraphRun(run, state)
        with entered(graph_run):
            try:
                return await self._run(graph_run)
            finally:
                await graph_run.close()

    async def _run(self, graph_run: GraphRun) -> Ending | Paused:
        run, state = graph_run.run, graph_run.state
        graph = await self._graphs.of(run)
        thread_id, is_new = (state.thread, False) if state is not None else await self._threads.open(run)
        if state is not None and is_refused(state, run.assignment.questions):
            return COMPLETED
        graph, config = kept_by(graph, ParlorSaver(self._db, thread_id)), _config(run, thread_id)
        await self._stream(graph_run, graph, config, _input(run, state, is_new=is_new))
        stands = await graph.aget_state(config)
        if stands.interrupts or stands.next:
            questions, paused = questions_of(graph_run, thread_id, stands.interrupts, stands.next)
            return run.paused(questions, paused.encode())
        await self._threads.close(run, thread_id)
        return ending(graph_run.last_reason)

    async def _stream(self, graph_run: GraphRun, graph: Graph, config: RunnableConfig, given: Any) -> None:
        """Raises what ends the turn, as what it is."""
        try:
            narrator = Narrator(graph_run, await _known(graph, config, given))
            graph_of_any: Any = graph  # its states have no type here
            async with aclosing(graph_of_any.astream(given, config, stream_mode=_MODES, subgraphs=True, durability="sync", version="v2")) as parts:
                async for part in parts:
                    graph_run.check()
                    narrator.take(part)
        except GraphRecursionError as error:
            raise graph_run.failure or TurnFailure(Reason.LIMIT_STEPS) from error
        except Exception as error:
            cause = graph_run.cause_of(error)
            if cause is error:
                raise
            raise cause from error
        graph_run.check()


def _config(run: AgentRun, thread_id: UUID) -> RunnableConfig:
    turn = run.running.turn
    return {
        "configurable": {"thread_id": str(thread_id)},
        "recursion_limit": SUPERSTEPS_PER_STEP * run.agent.definition.limits.steps,
        "metadata": {"agent": run.agent.name, "turn_id": str(turn.id), "session_id": str(turn.session_id)},
    }


def _input(run: AgentRun, state: GraphState | None, *, is_new: bool) -> Any:
    """A thread that goes on is given the question, a new one the conversation that leads to it."""
    if state is not None:
        return None if state.breakpoint is not None else Command(resume=resume_values(state, run.assignment.questions))
    question = run.assignment.history[-1]
    return {MESSAGES: to_messages([*run.chat_history, question] if is_new else [question])}


async def _known(graph: Graph, config: RunnableConfig, given: Any) -> set[str]:
    stored: Mapping[str, Any] = (await graph.aget_state(config)).values
    messages = [*stored.get(MESSAGES, ()), *(cast("dict[str, Any]", given)[MESSAGES] if isinstance(given, dict) else ())]
    return {message.id for message in messages if getattr(message, "id", None)}
