"""What happens in a turn, as its log tells it. Each class is one event type of the wire; `type` is its tag.

`TurnEnding` at the end is for other rooms: it is recorded inside T4, before the turn's row is touched.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.core.events import Event
from parlor.llm import Usage
from parlor.turns.states import TurnState


class LogEvent(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """The base of everything in a turn's log. JSON has `type` and the fields."""


class TurnStarted(LogEvent, frozen=True, tag="turn.started"):
    session_id: UUID
    message_id: UUID
    """The question."""
    agent: str
    model: str


class StepStarted(LogEvent, frozen=True, tag="step.started"):
    step: int
    """Counted from 1: one call of the model."""
    prompt_tokens: int = 0
    """Estimated; what the step is charged by when its provider never tells."""


class ModelFallback(LogEvent, frozen=True, tag="model.fallback", omit_defaults=False):
    """A model has failed before its first word, and another is asked: at its own price, which is told, because the rest of the step is paid for at that."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    reason: str
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class ReasoningDelta(LogEvent, frozen=True, tag="reasoning.delta"):
    text: str


class TextDelta(LogEvent, frozen=True, tag="text.delta"):
    text: str


class ToolCalled(LogEvent, frozen=True, tag="tool.called"):
    call_id: str
    tool: str
    arguments: Any


class ToolResult(LogEvent, frozen=True, tag="tool.result"):
    """Either `result` or `error`."""

    call_id: str
    result: Any = None
    error: str | None = None


class ToolProgress(LogEvent, frozen=True, tag="tool.progress"):
    """How far a call is: `done` of `total`, in whatever the tool counts."""

    call_id: str
    done: float
    total: float | None = None
    message: str | None = None


class QuestionAsked(LogEvent, frozen=True, tag="question.asked"):
    """The turn waits for a person. `question` is what `GET /turns/{id}` shows in `pending`."""

    question: dict[str, Any]


class QuestionAnswered(LogEvent, frozen=True, tag="question.answered"):
    question_id: UUID
    call_id: str
    decision: str
    """approve, reject, edit"""
    arguments: Any = None
    """The ones that the call is made with instead, after an edit."""


class Replaced(msgspec.Struct, frozen=True):
    """Messages of a branch that a summary stands for: the oldest, the newest, and how many."""

    first: UUID
    last: UUID
    messages: int


class MemoryCompacted(LogEvent, frozen=True, tag="memory.compacted", omit_defaults=False):
    """What was said longest ago is a summary from here on."""

    text: str
    replaces: Replaced
    kept: int
    """Messages between the newest that was replaced and this turn's answer, its question included: those are shown as they are."""


class UsageReported(LogEvent, frozen=True, tag="usage", omit_defaults=False):
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int


class ModelAsked(LogEvent, frozen=True, tag="model.asked", omit_defaults=False):
    """A model is called beside the steps of the turn: by an agent that this one asks, for a summary, by a branch of a graph. Such calls may overlap."""

    call: int
    """1, 2, 3 in the turn."""
    purpose: str
    model: str
    prompt_tokens: int
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class ModelAnswered(LogEvent, frozen=True, tag="model.answered", omit_defaults=False):
    """That call is over. `model` is the one that answered, at its own price; nothing was used when nobody did."""

    call: int
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class TurnCompleted(LogEvent, frozen=True, tag="turn.completed", omit_defaults=False):
    message_id: UUID | None
    """The answer; None when the model said nothing at all."""
    usage: Usage
    charge_micros: int


class TurnStopped(LogEvent, frozen=True, tag="turn.stopped", omit_defaults=False):
    message_id: UUID | None
    usage: Usage
    charge_micros: int


class TurnFailed(LogEvent, frozen=True, tag="turn.failed", omit_defaults=False):
    problem: dict[str, Any]
    message_id: UUID | None
    usage: Usage
    charge_micros: int


class TurnInterrupted(LogEvent, frozen=True, tag="turn.interrupted", omit_defaults=False):
    problem: dict[str, Any]
    message_id: UUID | None
    usage: Usage
    charge_micros: int


AnyLogEvent = (
    TurnStarted
    | StepStarted
    | ModelFallback
    | ReasoningDelta
    | TextDelta
    | ToolCalled
    | ToolProgress
    | ToolResult
    | QuestionAsked
    | QuestionAnswered
    | MemoryCompacted
    | UsageReported
    | ModelAsked
    | ModelAnswered
    | TurnCompleted
    | TurnStopped
    | TurnFailed
    | TurnInterrupted
)

TERMINAL: dict[TurnState, type[TurnCompleted] | type[TurnStopped] | type[TurnFailed] | type[TurnInterrupted]] = {
    TurnState.COMPLETED: TurnCompleted,
    TurnState.STOPPED: TurnStopped,
    TurnState.FAILED: TurnFailed,
    TurnState.INTERRUPTED: TurnInterrupted,
}


class TurnEnding(Event, frozen=True, kw_only=True):
    """A turn is about to end, inside T4: whoever keeps the answer writes it now, in this transaction, and takes its locks before the turn's."""

    name: ClassVar[str] = "turn.ending"

    account_id: UUID
    session_id: UUID
    turn_id: UUID
    question_id: UUID
    answer_id: UUID
    state: TurnState
    parts: list[dict[str, Any]]
    usage: dict[str, int]


class TurnAwaitsInput(Event, frozen=True, kw_only=True):
    """A turn waits for a person: somebody outside may want to tell them."""

    name: ClassVar[str] = "turn.awaiting_input"

    account_id: UUID
    session_id: UUID
    turn_id: UUID
    question_ids: list[UUID]
    kinds: list[str]
    expires_at: datetime


class QuestionDecided(Event, frozen=True, kw_only=True):
    """A person has decided about a call. Who it was is the event's actor."""

    name: ClassVar[str] = "question.answered"

    account_id: UUID
    turn_id: UUID
    question_id: UUID
    kind: str
    tool: str
    decision: str


class TurnEnded(Event, frozen=True, kw_only=True):
    """A turn has ended. Recorded in T4 under the name of how it ended, for whoever listens outside."""

    account_id: UUID
    session_id: UUID
    turn_id: UUID
    agent: str
    model: str
    reason: str | None
    charge_micros: int
    usage: dict[str, int]
    ended_at: datetime


class CompletedEvent(TurnEnded, frozen=True):
    name: ClassVar[str] = "turn.completed"


class StoppedEvent(TurnEnded, frozen=True):
    name: ClassVar[str] = "turn.stopped"


class FailedEvent(TurnEnded, frozen=True):
    name: ClassVar[str] = "turn.failed"


class InterruptedEvent(TurnEnded, frozen=True):
    name: ClassVar[str] = "turn.interrupted"


ENDED: dict[TurnState, type[TurnEnded]] = {
    TurnState.COMPLETED: CompletedEvent,
    TurnState.STOPPED: StoppedEvent,
    TurnState.FAILED: FailedEvent,
    TurnState.INTERRUPTED: InterruptedEvent,
}
