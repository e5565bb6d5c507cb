"""The built-in executor: model, tools, model ..., until the model has nothing more to ask for."""

from collections.abc import Sequence

from parlor.agents.runs.course import Course
from parlor.agents.runs.run import AgentRun
from parlor.llm import ToolCall
from parlor.turns import COMPLETED, Ending, Paused, Reason, TurnState


class LoopExecutor:
    """Keeps nothing: any number of runs may be in it at once."""

    async def run(self, run: AgentRun) -> Ending | Paused:
        course = Course(run)
        if course.waiting and (paused := await self._use_tools(run, course, course.waiting, is_again=True)) is not None:
            return paused
        while True:
            answer = await run.ask(course.messages, prompt_tokens=course.prompt_tokens)
            if not answer.calls:
                return ending(answer.reason)
            if (paused := await self._use_tools(run, course, course.add_answer(answer))) is not None:
                return paused

    async def _use_tools(self, run: AgentRun, course: Course, calls: Sequence[ToolCall], *, is_again: bool = False) -> Paused | None:
        """All that can be run is run; what needs people waits, and the turn with it."""
        outcomes = await run.call_tools(calls, suspended=course.suspended, is_again=is_again)
        course.add_outcomes(outcomes)
        if outcomes.questions:
            return run.paused(outcomes.questions, course.state(), added=course.added)
        course.prompt_tokens += await run.refresh_tools()
        return None


def ending(reason: str) -> Ending:
    """By why the model stopped."""
    if reason == "content_filter":
        return Ending(TurnState.FAILED, Reason.CONTENT_FILTER)
    return Ending(TurnState.COMPLETED, Reason.LENGTH) if reason == "length" else COMPLETED
