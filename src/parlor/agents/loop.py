"""The built-in executor: model, tools, model ..., until the model has nothing more to ask for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from parlor.agents.course import Course, LoopState, Verdict
from parlor.agents.registry import Agent, AgentRegistry
from parlor.agents.topup import HoldTopUp
from parlor.llm import (
    Accepted,
    FellBack,
    Finished,
    Model,
    ModelEvent,
    ModelMessage,
    ModelParams,
    ModelRequest,
    Offer,
    ProviderState,
    ReasoningDelta,
    StateSeen,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageSeen,
    message_tokens,
)
from parlor.tools import ToolCaller, ToolExecutor, ToolRegistry, TurnCall
from parlor.turns import COMPLETED, Ending, NewQuestion, Paused, Reason, RunningTurn, ToolResult, TurnFailure, TurnState
from parlor.turns import ReasoningDelta as ReasoningSaid
from parlor.turns import TextDelta as TextSaid


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one turn is about. `prompt_tokens` is the estimate that T1 held credit for, `max_output_tokens` the other part of it."""

    agent: Agent
    model: Model
    history: Sequence[ModelMessage]
    params: ModelParams
    prompt_tokens: int
    max_output_tokens: int
    offers: Sequence[Offer]
    """Whoever may answer, the model itself first, at the prices that hold for the whole turn."""
    caller: ToolCaller
    """For whom tools are run."""
    state: LoopState | None = None
    """Where a turn that waited for a person goes on; `questions` are the rows of all that it asked."""
    questions: Sequence[Any] = ()


@dataclass(slots=True)
class _Step:
    """What one call of the model brought."""

    texts: list[str] = field(default_factory=list[str])
    calls: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])
    reason: str = "stop"
    state: ProviderState | None = None
    has_usage: bool = False


_NOBODY_ASKED = Verdict()


class AgentLoop:
    def __init__(self, tools: ToolExecutor, registry: ToolRegistry, agents: AgentRegistry, top_up: HoldTopUp) -> None:
        self._tools = tools
        self._registry = registry
        self._agents = agents
        self._top_up = top_up

    async def run(self, running: RunningTurn, assignment: Assignment) -> Ending | Paused:
        """The work of a turn. Raises what a turn's work may raise: the engine ends the turn by it."""
        prompt = ModelMessage(role="system", text=assignment.agent.definition.system_prompt)
        course = Course(assignment.agent, [prompt, *assignment.history], assignment.state, assignment.questions)
        prompt_tokens, limits = assignment.prompt_tokens, assignment.agent.definition.limits
        if course.waiting:
            if (paused := await self._run_tools(running, assignment, course, course.waiting)) is not None:
                return paused
            prompt_tokens = await self._prepare(running, assignment, course)
        while course.step < limits.steps:
            course.step += 1
            running.begin_step(course.step, prompt_tokens)
            step = await self._ask(running, assignment, course)
            if not step.calls:
                return _ending(step.reason)
            calls = course.add_answer("".join(step.texts), step.calls.values(), step.state)
            if course.tool_calls > limits.tool_calls:
                raise TurnFailure(Reason.LIMIT_STEPS)
            if (paused := await self._run_tools(running, assignment, course, calls)) is not None:
                return paused
            prompt_tokens = await self._prepare(running, assignment, course)
        raise TurnFailure(Reason.LIMIT_STEPS)

    async def _run_tools(self, running: RunningTurn, assignment: Assignment, course: Course, calls: Sequence[ToolCall]) -> Paused | None:
        """All that can be run is run; what needs a person waits, and the turn with it."""
        questions: list[NewQuestion] = []
        waiting: list[ToolCall] = []
        for call in calls:
            outcome = await self._run_tool(running, assignment.caller, course, call)
            if isinstance(outcome, NewQuestion):
                questions.append(outcome)
                waiting.append(call)
            else:
                course.add_result(outcome)
        course.waiting = waiting
        if not questions:
            return None
        state = course.state(assignment.params.model_dump(exclude_none=True), assignment.max_output_tokens, assignment.offers)
        return Paused(questions, state.encode())

    async def _run_tool(self, running: RunningTurn, caller: ToolCaller, course: Course, call: ToolCall) -> ToolResult | NewQuestion:
        agent, verdict = course.agent, course.verdicts.get(call.call_id, _NOBODY_ASKED)
        if verdict.refusal is not None:
            return self._tools.refuse(running, call.call_id, verdict.refusal)
        asked = TurnCall(call, caller, agent.offers, agent.definition.tool_policy, verdict.is_approved, verdict.arguments, verdict.answers)
        return await self._tools.in_turn(running, asked)

    async def _prepare(self, running: RunningTurn, assignment: Assignment, course: Course) -> int:
        """Credit for the next step, with the tools that there are by now: a call may have brought some, as a sign-in does. Returns the tokens of its prompt."""
        course.agent = self._agents.get(course.agent.name, await self._registry.toolbox(assignment.caller))
        prompt_tokens = estimate_prompt(course.messages) + course.agent.overhead_tokens
        await self._top_up.before_step(running, assignment.offers, prompt_tokens, assignment.max_output_tokens)
        return prompt_tokens

    async def _ask(self, running: RunningTurn, assignment: Assignment, course: Course) -> _Step:
        params = assignment.params
        request = ModelRequest(
            messages=course.messages,
            tools=course.agent.tools,
            max_output_tokens=assignment.max_output_tokens,
            temperature=params.temperature,
            top_p=params.top_p,
            stop=params.stop or (),
        )
        step = _Step()
        async with assignment.model.stream(request) as batches:
            running.is_accepted = True
            async for batch in batches:
                for event in batch:
                    if isinstance(event, FellBack):
                        running.fall_back(event, next(offer.price for offer in assignment.offers if offer.model == event.target))
                    else:
                        _take(running, step, event)
        if not step.has_usage:
            running.estimate_usage("".join(call.name + call.arguments for call in step.calls.values()))
        return step


def _take(running: RunningTurn, step: _Step, event: ModelEvent) -> None:
    if isinstance(event, TextDelta):
        if text := _storable(event.text):
            step.texts.append(text)
            running.emit(TextSaid(text))
    elif isinstance(event, ReasoningDelta):
        if text := _storable(event.text):
            running.emit(ReasoningSaid(text))
    elif isinstance(event, ToolCallDelta):
        before = step.calls.get(event.index)
        if before is None:
            call_id = _storable(event.call_id or f"call_{event.index}")
            step.calls[event.index] = ToolCall(call_id=call_id, name=_storable(event.name or ""), arguments=event.arguments)
        else:
            step.calls[event.index] = ToolCall(call_id=before.call_id, name=before.name, arguments=before.arguments + event.arguments)
    elif isinstance(event, UsageSeen):
        if not step.has_usage:
            step.has_usage = True
            running.report_usage(event.usage)
    elif isinstance(event, StateSeen):
        step.state = event.state
    elif isinstance(event, Accepted):
        running.is_accepted = True
    elif isinstance(event, Finished):
        step.reason = event.reason


def _storable(text: str) -> str:
    """Without NUL: Postgres stores no text that has one, and one such answer would take the checkpoint of all others with it."""
    return text.replace("\x00", "") if "\x00" in text else text


def _ending(reason: str) -> Ending:
    if reason == "content_filter":
        return Ending(TurnState.FAILED, Reason.CONTENT_FILTER)
    return Ending(TurnState.COMPLETED, Reason.LENGTH) if reason == "length" else COMPLETED


def estimate_prompt(messages: Sequence[ModelMessage]) -> int:
    return sum(message_tokens(message) for message in messages)
