"""Agents of kind python: an object of the operator's that answers, in any of the forms that such objects have."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol, TypeGuard, cast

from parlor.agents.runs.executors import AgentExecutor
from parlor.agents.runs.named import CannotLoad, load_named
from parlor.agents.runs.run import AgentRun
from parlor.turns import COMPLETED, Ending, Paused

FORMS = "an object or a class with `run(run)`, a Runnable, or an async function of the run that returns a text"


class Runnable(Protocol):
    """What LangChain calls so."""

    async def ainvoke(self, input: Any) -> Any: ...

    def astream(self, input: Any) -> AsyncIterator[Any]: ...


class ObjectExecutor:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._made = dict[str, Any]()

    async def run(self, run: AgentRun) -> Ending | Paused:
        """Raises CannotLoad, naming the agent, and whatever the object raises."""
        named = await self._object_of(run)
        if _is_executor(named):
            return await named.run(run)
        if _is_runnable(named):
            await _run_runnable(named, run)
        else:
            text = await cast("Callable[[AgentRun], Awaitable[Any]]", named)(run)
            run.say("" if text is None else str(text))
        return COMPLETED

    async def _object_of(self, run: AgentRun) -> Any:
        name = run.agent.definition.object or ""
        if name not in self._made:
            try:
                named = await asyncio.to_thread(load_named, name, self._place)
                if (complaint := complaint_about(named)) is not None:
                    raise CannotLoad(complaint)
                self._made[name] = await _instance(named)
            except CannotLoad as error:
                raise CannotLoad(f"The object of the agent {run.agent.name!r}: {error.detail}.") from error
        return self._made[name]


def complaint_about(named: Any) -> str | None:
    """What is wrong with an object as an agent, as far as can be seen without calling it."""
    return None if _is_executor(named) or _is_runnable(named) or callable(named) else f"it is a {type(named).__qualname__}, and not {FORMS}"


async def _instance(named: Any) -> Any:
    """A class, and a function that asks for nothing, are called once, for what they make."""
    if not inspect.isclass(named) and (_is_executor(named) or _is_runnable(named) or not _asks_for_nothing(named)):
        return named
    try:
        made = named()
        made = await made if inspect.isawaitable(made) else made
    except Exception as error:
        raise CannotLoad(f"its factory failed: {type(error).__name__}: {error}") from error
    if (complaint := complaint_about(made)) is not None:
        raise CannotLoad(f"what its factory made is no agent: {complaint}")
    return made


def _asks_for_nothing(function: Callable[..., Any]) -> bool:
    return not inspect.signature(function).parameters


def _is_executor(named: Any) -> TypeGuard[AgentExecutor]:
    return inspect.iscoroutinefunction(getattr(named, "run", None))


def _is_runnable(named: Any) -> TypeGuard[Runnable]:
    return callable(getattr(named, "ainvoke", None)) and callable(getattr(named, "astream", None))


async def _run_runnable(runnable: Runnable, run: AgentRun) -> None:
    """It is asked as such agents are: `input` is the question, `chat_history` what was said before it, as messages of LangChain."""
    from parlor.agents.langgraph.messages import to_messages

    async with aclosing(cast("Any", runnable.astream({"input": run.input, "chat_history": to_messages(run.chat_history)}))) as pieces:
        async for piece in pieces:
            run.say(_text_of(piece))


def _text_of(piece: Any) -> str:
    """Of a text, a message, or a dictionary with `output`; agents of LangChain also stream what they do on the way, which says nothing."""
    if isinstance(piece, Mapping):
        return _text_of(cast("Mapping[str, Any]", piece).get("output", ""))
    if isinstance(piece, str):
        return piece
    from parlor.agents.langgraph.messages import text_of

    return text_of(piece)


__all__ = ["ObjectExecutor", "complaint_about"]
