"""What a turn used and what that costs, told from its log alone, so that the server that ran it and the sweep that finds it dead charge by one rule.

The rule (INV-M5): a step of the model that reported its usage costs that; one that did not, but was accepted or said something, costs its estimated prompt
and what it said; one that never got an answer costs nothing. Each step is paid for at the price of the model that answered it; of a model that failed
before its first word, so that another was asked, nothing is charged.
A call beside the steps costs what it used once it is over; one that a crash caught has shown nobody anything.
"""

from collections.abc import Iterable, Mapping

import msgspec

from parlor.llm import Offer, Usage, estimate_tokens
from parlor.turns.events import LogEvent, ModelAnswered, ModelAsked, ModelFallback, ReasoningDelta, StepStarted, TextDelta, UsageReported
from parlor.wallet import Price

NOTHING = Usage(input_tokens=0, output_tokens=0)
_COUNTED = (StepStarted, ModelFallback, UsageReported, ModelAsked, ModelAnswered)
"""The events, beside what was said, that a bill is told from."""


class Bill(msgspec.Struct, frozen=True):
    """What each model of a turn used, and which one answered last. Of a turn that nobody answered there are no lines."""

    lines: Mapping[Offer, Usage]
    answered_by: Offer

    @property
    def usage(self) -> Usage:
        total = NOTHING
        for usage in self.lines.values():
            total = plus(total, usage)
        return total

    @property
    def cost_micros(self) -> int:
        return sum(offer.price.cost_micros(usage.input_tokens, usage.output_tokens) for offer, usage in self.lines.items())

    def explain(self) -> str:
        if len(self.lines) < 2:
            usage = self.usage
            price = next(iter(self.lines), self.answered_by).price
            return price.explain(usage.input_tokens, usage.output_tokens)
        return "; ".join(f"{offer.model}: {offer.price.explain(usage.input_tokens, usage.output_tokens)}" for offer, usage in self.lines.items())

    def cost_micros_with(self, offer: Offer, usage: Usage) -> int:
        """As if `offer` had used that as well."""
        return self.with_usage(offer, usage).cost_micros

    def with_usage(self, offer: Offer, usage: Usage) -> "Bill":
        lines = dict(self.lines)
        _add(lines, offer, usage)
        return Bill(lines, self.answered_by)


class Meter:
    """Reads a log as it grows, each event once. `first` is the model that each step asks first."""

    def __init__(self, first: Offer) -> None:
        self._first = first
        self._asked = first
        self._lines: dict[Offer, Usage] = {}
        self._calls: dict[int, ModelAsked] = {}
        self._prompt_tokens: int | None = None
        self._said: list[str] = []
        self.total = NOTHING
        """What was reported so far, of steps and of calls beside them."""
        self.count = 0
        """How many events were read."""

    def take(self, events: Iterable[LogEvent]) -> None:
        for event in events:
            self.count += 1
            if isinstance(event, (TextDelta, ReasoningDelta)):
                self._said.append(event.text)
            elif isinstance(event, _COUNTED):
                self._take(event)

    def _take(self, event: "StepStarted | ModelFallback | UsageReported | ModelAsked | ModelAnswered") -> None:
        match event:
            case StepStarted():
                self._begin_step(event)
            case ModelFallback():
                self._fall_back(event)
            case UsageReported():
                self._report(event)
            case ModelAsked():
                self._calls[event.call] = event
            case ModelAnswered():
                self._end_call(event)

    def bill(self, *, is_accepted: bool, calls_accepted: bool = False) -> Bill:
        """As of now. `is_accepted`: the provider took the request of the last step, though it may not have said anything yet; `calls_accepted` is the same
        of calls beside the steps that are not over."""
        lines = dict(self._lines)
        if (usage := self._not_reported(is_accepted=is_accepted)) is not None:
            _add(lines, self._asked, usage)
        for asked in self._calls.values() if calls_accepted else ():
            _add(lines, _offer(asked), Usage(asked.prompt_tokens, 0))
        return Bill(lines, self._asked)

    def _not_reported(self, *, is_accepted: bool) -> Usage | None:
        if self._prompt_tokens is None or not (self._said or is_accepted):
            return None
        return Usage(input_tokens=self._prompt_tokens, output_tokens=estimate_tokens("".join(self._said)))

    def _count(self, offer: Offer, usage: Usage) -> None:
        self.total = plus(self.total, usage)
        _add(self._lines, offer, usage)

    def _begin_step(self, event: StepStarted) -> None:
        if (usage := self._not_reported(is_accepted=False)) is not None:
            self._count(self._asked, usage)
        self._prompt_tokens, self._said, self._asked = event.prompt_tokens, [], self._first

    def _fall_back(self, event: ModelFallback) -> None:
        self._said, self._asked = [], Offer(event.target, Price(event.input_micros_per_mtok, event.output_micros_per_mtok))

    def _report(self, event: UsageReported) -> None:
        # the event has the sum of all that was reported
        self._count(self._asked, minus(Usage(event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens), self.total))
        self._prompt_tokens, self._said = None, []

    def _end_call(self, event: ModelAnswered) -> None:
        self._calls.pop(event.call, None)
        usage = Usage(event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens)
        if usage != NOTHING:
            self._count(_offer(event), usage)


def bill_of(events: Iterable[LogEvent], first: Offer, *, is_accepted: bool, calls_accepted: bool = False) -> Bill:
    """Of a whole log: see `Meter.bill`."""
    meter = Meter(first)
    meter.take(events)
    return meter.bill(is_accepted=is_accepted, calls_accepted=calls_accepted)


def _add(lines: dict[Offer, Usage], offer: Offer, usage: Usage) -> None:
    lines[offer] = plus(lines[offer], usage) if offer in lines else usage


def _offer(event: ModelAsked | ModelAnswered) -> Offer:
    return Offer(event.model, Price(event.input_micros_per_mtok, event.output_micros_per_mtok))


def plus(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )


def minus(one: Usage, other: Usage) -> Usage:
    """Never below zero."""
    return Usage(
        input_tokens=max(0, one.input_tokens - other.input_tokens),
        output_tokens=max(0, one.output_tokens - other.output_tokens),
        cached_tokens=max(0, one.cached_tokens - other.cached_tokens),
        reasoning_tokens=max(0, one.reasoning_tokens - other.reasoning_tokens),
    )
