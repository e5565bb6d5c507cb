"""The run that a graph is in: what our model and our tools find when LangGraph calls them."""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph.errors import GraphBubbleUp

from parlor.agents.runs.run import AgentRun
from parlor.core.errors import PaymentRequired, StorageFull, Unavailable
from parlor.llm import ModelFailed
from parlor.turns import Fenced, ToolCalled, ToolResult, TurnFailure

if TYPE_CHECKING:
    from parlor.agents.langgraph.questions import GraphState

T = TypeVar("T")

FINAL = (TurnFailure, PaymentRequired, Fenced)
"""What no graph goes on from: its limits, its credit, its turn."""
KNOWN = (*FINAL, ModelFailed, Unavailable, StorageFull)
"""What has a reason of its own for the end of a turn."""
MOST_LINKS = 50


class OutsideRun(RuntimeError):
    """Something of Parlor's was used where no graph is run by Parlor."""


class TurnOver(GraphBubbleUp):
    """Ends a graph. Of this kind LangGraph catches nothing: no retry, no tool that turns errors into results."""


class GraphRun:
    """`spoken` and `muted` are ids of messages whose text was heard while it streamed, or is no part of the answer."""

    def __init__(self, run: AgentRun, state: "GraphState | None" = None) -> None:
        self.run = run
        self.state = state
        self.loop = asyncio.get_running_loop()
        self.spoken: set[str] = set()
        self.muted: set[str] = set()
        self.call_ids = {call.call_id for message in run.assignment.history for call in message.tool_calls}
        """Taken in this conversation: no other call may have one of these."""
        self.results = dict[str, ToolResult]()
        """Of the calls of our tools in this turn, also before it waited: a node that runs again gets them instead of a second call."""
        self.open_calls = dict[str, tuple[str, Any]]()
        """Told in the log and without a result: name and arguments by call id."""
        self.last_reason = "stop"
        self.failure: BaseException | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        if run.parent is None:
            self._remember()

    def fail(self, error: BaseException) -> BaseException:
        """What to raise inside the graph for it."""
        if isinstance(error, FINAL):
            self.failure = self.failure or error
            return TurnOver()
        return error

    def check(self) -> None:
        """Raises what has ended the turn, also when the graph has caught that and goes on."""
        if self.failure is not None:
            raise self.failure

    def cause_of(self, error: BaseException) -> BaseException:
        """What to raise in the turn for what the graph has raised: what is known, wherever in it that is wrapped."""
        if self.failure is not None:
            return self.failure
        link: BaseException | None = error
        for _ in range(MOST_LINKS):
            if link is None or isinstance(link, KNOWN):
                break
            link = link.exceptions[0] if isinstance(link, BaseExceptionGroup) else link.__cause__ or link.__context__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of whatever
        return link if isinstance(link, KNOWN) else error

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that does not outlive the run."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """For nodes that are plain functions, which LangGraph runs in threads: the work is done on the loop."""
        if threading.get_ident() == getattr(self.loop, "_thread_id", None):
            work.close()
            raise OutsideRun("this would block the server: use the asynchronous method (`ainvoke`, `astream`) in an async node")
        return asyncio.run_coroutine_threadsafe(self._started(work), self.loop).result()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _started(self, work: Coroutine[Any, Any, T]) -> T:
        return await self.start(work)

    def _remember(self) -> None:
        for event in self.run.running.log.events:
            if isinstance(event, ToolCalled):
                self.call_ids.add(event.call_id)
                self.open_calls[event.call_id] = (event.tool, event.arguments)
            elif isinstance(event, ToolResult):
                self.results[event.call_id] = event
                self.open_calls.pop(event.call_id, None)


_current: ContextVar[GraphRun | None] = ContextVar("parlor_graph_run", default=None)


def current() -> GraphRun:
    """Raises OutsideRun."""
    found = _current.get()
    if found is None:
        raise OutsideRun("there is no run here: Parlor's model and tools work inside a graph that Parlor runs for an agent (docs/langgraph.md)")
    return found


def is_inside() -> bool:
    """Whether this is done by a graph that Parlor runs."""
    return _current.get() is not None


def current_run() -> AgentRun:
    """For nodes of yours that want to know for whom they run: `current_run().assignment.caller`, `.system_prompt`. Raises OutsideRun."""
    return current().run


@contextmanager
def entered(graph_run: GraphRun) -> Generator[None]:
    token = _current.set(graph_run)
    try:
        yield
    finally:
        _current.reset(token)
