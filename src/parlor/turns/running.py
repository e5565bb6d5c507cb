"""A turn while this process runs it."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from parlor.llm import FellBack, Offer, Usage, estimate_tokens
from parlor.turns.events import LogEvent, ModelAnswered, ModelAsked, ModelFallback, StepStarted, UsageReported
from parlor.turns.log import TurnLog
from parlor.turns.metering import Bill, Meter, plus
from parlor.turns.questions import Paused
from parlor.turns.segments import Numbered
from parlor.turns.states import Reason, TurnState
from parlor.wallet import Price


class NewTurn(msgspec.Struct, frozen=True):
    """What T1 decides about a turn. `question_id` is the message that is answered, `answer_id` the one that will hold the answer."""

    id: UUID
    account_id: UUID
    session_id: UUID
    question_id: UUID
    answer_id: UUID
    agent: str
    model: str
    price: Price
    prompt_tokens_estimate: int
    hold_micros: int


class Ending(msgspec.Struct, frozen=True):
    """How the work of a turn ended."""

    state: TurnState
    reason: Reason | None = None


COMPLETED = Ending(TurnState.COMPLETED)

Work = Callable[["RunningTurn"], Awaitable[Ending | Paused]]
"""What a turn does: emits events, calls the model and the tools with no transaction open, and says how it ended, or what it needs to go on."""


class RunningTurn:
    """The handle that the work of a turn has: its log, its bill so far, its epoch."""

    __slots__ = (
        "_calls",
        "_read",
        "cancelled_as",
        "epoch",
        "has_begun",
        "hold_micros",
        "is_accepted",
        "is_ending",
        "lease_until",
        "log",
        "saved",
        "task",
        "turn",
    )

    def __init__(self, turn: NewTurn, epoch: int, lease_until: float, earlier: Sequence[Numbered] = ()) -> None:
        """`earlier` is its log from before a pause, which is stored."""
        self.turn = turn
        self.epoch = epoch
        self.hold_micros = turn.hold_micros
        self.log = TurnLog(turn.id, epoch, earlier)
        self.task: asyncio.Task[None] | None = None
        self.lease_until = lease_until
        """On the monotonic clock: past it, another server may have taken the turn, and this one must stop."""
        self.saved = len(earlier)
        """How many events of the log are stored."""
        self.is_accepted = False
        """The provider has taken the request of the step that runs."""
        self.has_begun = False
        self.is_ending = False
        self.cancelled_as: Ending | None = None
        self._read = Meter(Offer(turn.model, turn.price))
        self._calls = sum(isinstance(event, ModelAsked) for event in self.log.events)

    def emit(self, event: LogEvent) -> None:
        self.log.append(event)

    def begin_step(self, step: int, prompt_tokens: int) -> None:
        self.is_accepted = False
        self.log.append(StepStarted(step=step, prompt_tokens=prompt_tokens))

    def fall_back(self, event: FellBack, price: Price) -> None:
        """The step goes on with another model, at its price, which has not taken the request yet."""
        self.is_accepted = False
        self.log.append(ModelFallback(event.source, event.target, event.reason, price.input_micros_per_mtok, price.output_micros_per_mtok))

    def report_usage(self, usage: Usage) -> None:
        """The provider's count for the step that just ran; the event carries the sum of all that was used."""
        self._report(plus(self._meter().total, usage))

    def estimate_usage(self, unlogged_text: str = "") -> None:
        """Closes a step whose provider did not tell. `unlogged_text` is what it wrote beside the deltas: the tool calls."""
        self._report(plus(self.bill().usage, Usage(input_tokens=0, output_tokens=estimate_tokens(unlogged_text) if unlogged_text else 0)))

    def _report(self, total: Usage) -> None:
        self.log.append(UsageReported(total.input_tokens, total.output_tokens, total.cached_tokens, total.reasoning_tokens))

    def begin_call(self, offer: Offer, prompt_tokens: int, purpose: str) -> int:
        """A call of a model beside the steps, which nobody sees the text of until it is over. Its number, for `end_call`."""
        self._calls += 1
        price = offer.price
        self.log.append(ModelAsked(self._calls, purpose, offer.model, prompt_tokens, price.input_micros_per_mtok, price.output_micros_per_mtok))
        return self._calls

    def end_call(self, call: int, offer: Offer, usage: Usage) -> None:
        """`offer` is the model that answered, `usage` what that came to: nothing when the call was never taken."""
        tokens = (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)
        self.log.append(ModelAnswered(call, offer.model, *tokens, offer.price.input_micros_per_mtok, offer.price.output_micros_per_mtok))

    def bill(self) -> Bill:
        """Of what was used so far."""
        return self._meter().bill(is_accepted=self.is_accepted)

    def _meter(self) -> Meter:
        if (unread := len(self.log.events) - self._read.count) > 0:
            self._read.take(self.log.events[-unread:])
        return self._read

    def unsaved(self) -> list[Numbered]:
        numbers, events = self.log.numbers, self.log.events
        return [Numbered(numbers[index], events[index]) for index in range(self.saved, len(events))]

    def stored(self, events: Sequence[Numbered]) -> None:
        """These are in the database now. A checkpoint and the record of a tool call may overlap: the one that knows more counts."""
        if events:
            self.saved = max(self.saved, bisect_right(self.log.numbers, events[-1].number))

    def cancel(self, ending: Ending) -> bool:
        """End the work now, as `ending`. Closes the upstream connection by leaving its context. False when the turn is ending already."""
        if self.is_ending or self.task is None:
            return False
        self.is_ending = True
        self.cancelled_as = ending
        if self.has_begun:  # a task that is cancelled before its first step never runs at all, and so would never end the turn
            self.task.cancel()
        return True
