"""What came of a turn, put together from its log: the same whether it is over or waits for a person."""

from collections.abc import Sequence
from typing import Any

from parlor.chat.asking.errors import failure_of
from parlor.chat.asking.schemas import AgentReply, ChatReply, StepRead
from parlor.turns import LogEvent, QuestionAnswered, Reason, TextDelta, ToolCalled, ToolResult, TurnRead


def refuse_failed(turn: TurnRead, events: Sequence[LogEvent]) -> None:
    """Raises what a turn that came to no end answers."""
    if turn.state in ("failed", "interrupted"):
        reason = turn.reason or Reason.INTERNAL
        problem: dict[str, Any] = getattr(events[-1], "problem", {}) if events else {}
        facts = {"turn_id": str(turn.id), "session_id": str(turn.session_id), "reason": reason.value, "charge_micros": turn.charge_micros}
        raise failure_of(reason)(problem.get("title"), **facts)


def chat_reply(turn: TurnRead, events: Sequence[LogEvent]) -> ChatReply:
    return ChatReply.model_validate(_fields(turn, events, steps_of(events)))


def agent_reply(turn: TurnRead, events: Sequence[LogEvent]) -> AgentReply:
    steps = steps_of(events)
    return AgentReply.model_validate({**_fields(turn, events, steps), "steps": steps})


def steps_of(events: Sequence[LogEvent]) -> list[StepRead]:
    """Arguments that a person has changed are as they were changed to."""
    steps: dict[str, StepRead] = {}
    for event in events:
        match event:
            case ToolCalled():
                steps[event.call_id] = StepRead(call_id=event.call_id, tool=event.tool, arguments=event.arguments)
            case ToolResult() if event.call_id in steps:
                steps[event.call_id].result, steps[event.call_id].error = event.result, event.error
            case QuestionAnswered() if event.arguments is not None and event.call_id in steps:
                steps[event.call_id].arguments = event.arguments
            case _:
                continue
    return list(steps.values())


def _fields(turn: TurnRead, events: Sequence[LogEvent], steps: Sequence[StepRead]) -> dict[str, Any]:
    first = steps[0] if steps else None
    return {
        "session_id": turn.session_id,
        "turn_id": turn.id,
        "state": turn.state.value,
        "response": "".join(event.text for event in events if isinstance(event, TextDelta)),
        "agent_name": turn.agent,
        "model": turn.model,
        "tool_name": None if first is None else first.tool,
        "tool_input": None if first is None else first.arguments,
        "usage": turn.usage,
        "charge_micros": turn.charge_micros,
        "reason": turn.reason,
        "pending": turn.pending,
    }
