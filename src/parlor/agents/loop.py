"""The built-in executor: model, tools, model ..., until the model has nothing more to ask for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from parlor.agents.registry import Agent
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
from parlor.tools import ToolExecutor, as_text, distinct, readable
from parlor.turns import COMPLETED, Ending, Reason, RunningTurn, TurnFailure, TurnState
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


@dataclass(slots=True)
class _Step:
    """What one call of the model brought."""

    texts: list[str] = field(default_factory=list[str])
    calls: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])
    reason: str = "stop"
    state: ProviderState | None = None
    has_usage: bool = False


class AgentLoop:
    def __init__(self, tools: ToolExecutor, top_up: HoldTopUp) -> None:
        self._tools = tools
        self._top_up = top_up

    async def run(self, running: RunningTurn, assignment: Assignment) -> Ending:
        """The work of a turn. Raises what a turn's work may raise: the engine ends the turn by it."""
        messages = [ModelMessage(role="system", text=assignment.agent.definition.system_prompt), *assignment.history]
        call_ids = {call.call_id for message in messages for call in message.tool_calls}
        prompt_tokens, tool_calls = assignment.prompt_tokens, 0
        limits = assignment.agent.definition.limits
        for number in range(1, limits.steps + 1):
            running.begin_step(number, prompt_tokens)
            step = await self._ask(running, assignment, messages)
            if not step.calls:
                return _ending(step.reason)
            calls = distinct(step.calls.values(), call_ids)
            tool_calls += len(calls)
            if tool_calls > limits.tool_calls:
                raise TurnFailure(Reason.LIMIT_STEPS)
            messages.append(ModelMessage(role="assistant", text="".join(step.texts), tool_calls=[readable(call) for call in calls], provider_state=step.state))
            for call in calls:
                result = await self._tools.execute(running, call, assignment.agent.tool_names)
                messages.append(ModelMessage(role="tool", call_id=call.call_id, text=as_text(result.result, result.error)))
            prompt_tokens = estimate_prompt(messages) + assignment.agent.overhead_tokens
            await self._top_up.before_step(running, assignment.offers, prompt_tokens, assignment.max_output_tokens)
        raise TurnFailure(Reason.LIMIT_STEPS)

    async def _ask(self, running: RunningTurn, assignment: Assignment, messages: Sequence[ModelMessage]) -> _Step:
        params = assignment.params
        request = ModelRequest(
            messages=messages,
            tools=assignment.agent.tools,
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
