"""What a turn used and what that costs, told from its log alone, so that the server that ran it and the sweep that finds it dead charge by one rule.

The rule (INV-M5): a step of the model that reported its usage costs that; one that did not, but was accepted or said something, costs its estimated prompt
and what it said; one that never got an answer costs nothing. Each step is paid for at the price of the model that answered it; of a model that failed
before its first word, so that another was asked, nothing is charged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from parlor.llm import Offer, Usage, estimate_tokens
from parlor.turns.events import LogEvent, ModelFallback, ReasoningDelta, StepStarted, TextDelta, UsageReported
from parlor.wallet import Price

NOTHING = Usage(input_tokens=0, output_tokens=0)


@dataclass(frozen=True, slots=True)
class Bill:
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
        return Bill({**self.lines, offer: plus(self.lines.get(offer, NOTHING), usage)}, self.answered_by).cost_micros


def bill_of(events: Iterable[LogEvent], first: Offer, *, is_accepted: bool) -> Bill:
    """`first` is the model that each step asks first. `is_accepted` is about the last step: the provider took the request, though it may not have said
    anything yet."""
    lines: dict[Offer, Usage] = {}
    total, asked = NOTHING, first
    prompt_tokens: int | None = None
    said: list[str] = []

    def count(usage: Usage) -> None:
        nonlocal total
        total = plus(total, usage)
        lines[asked] = plus(lines[asked], usage) if asked in lines else usage

    def count_what_was_not_reported(*, is_accepted: bool) -> None:
        if prompt_tokens is not None and (said or is_accepted):
            count(Usage(input_tokens=prompt_tokens, output_tokens=estimate_tokens("".join(said))))

    for event in events:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            said.append(event.text)
        elif isinstance(event, StepStarted):
            count_what_was_not_reported(is_accepted=False)
            prompt_tokens, said, asked = event.prompt_tokens, [], first
        elif isinstance(event, ModelFallback):
            said, asked = [], Offer(event.target, Price(event.input_micros_per_mtok, event.output_micros_per_mtok))
        elif isinstance(event, UsageReported):
            # the event has the sum of all steps
            count(minus(Usage(event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens), total))
            prompt_tokens, said = None, []
    count_what_was_not_reported(is_accepted=is_accepted)
    return Bill(lines, asked)


def reported_by(events: Iterable[LogEvent]) -> Usage:
    """The sum that the last report of a log carries."""
    total = NOTHING
    for event in events:
        if isinstance(event, UsageReported):
            total = Usage(event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens)
    return total


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
