"""What one run of an agent has used of what it may."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from parlor.llm import Offer, Usage
from parlor.turns import Reason, TurnFailure

if TYPE_CHECKING:
    from parlor.agents.definition import AgentLimits


class LimitReached(TurnFailure):
    """`counts` are those of the run whose limit it is: an agent that was asked ends only itself by its own."""

    def __init__(self, reason: Reason, counts: "Counts") -> None:
        super().__init__(reason)
        self.counts = counts


class Used(msgspec.Struct, frozen=True):
    """As it is written down while a run waits for people."""

    steps: int = 0
    tool_calls: int = 0
    seconds: float = 0
    tokens: int = 0
    micros: int = 0


class Counts:
    """`tokens` and `micros` are of this run and of all the agents that it asked."""

    def __init__(self, limits: "AgentLimits", used: Used) -> None:
        self.limits = limits
        self.steps = used.steps
        self.tool_calls = used.tool_calls
        self.tokens = used.tokens
        self.micros = used.micros

    @property
    def is_bounded(self) -> bool:
        """Whether what is used has to be known before each call of a model."""
        return self.limits.tokens is not None or self.limits.credits_micros is not None

    def begin_step(self) -> None:
        """Raises LimitReached."""
        if self.steps >= self.limits.steps:
            raise LimitReached(Reason.LIMIT_STEPS, self)
        self.steps += 1

    def add_tool_calls(self, count: int) -> None:
        """All of one answer count before any of them is run. Raises LimitReached."""
        self.tool_calls += count
        if self.tool_calls > self.limits.tool_calls:
            raise LimitReached(Reason.LIMIT_STEPS, self)

    def longest_answer(self, offers: Sequence[Offer], prompt_tokens: int, most: int) -> int:
        """Tokens that the next answer may have at most, so that the run stays within its limits whichever model answers. Raises LimitReached."""
        if self.limits.tokens is not None:
            most = min(most, self.limits.tokens - self.tokens - prompt_tokens)
            if most < 1:
                raise LimitReached(Reason.LIMIT_TOKENS, self)
        if self.limits.credits_micros is not None:
            left_micros = self.limits.credits_micros - self.micros
            most = min(most, *(_affordable(offer, prompt_tokens, left_micros, most) for offer in offers))
            if most < 1:
                raise LimitReached(Reason.LIMIT_CREDITS, self)
        return most

    def add(self, offer: Offer, usage: Usage) -> None:
        self.tokens += usage.input_tokens + usage.output_tokens
        self.micros += offer.price.cost_micros(usage.input_tokens, usage.output_tokens)


def _affordable(offer: Offer, prompt_tokens: int, left_micros: int, most: int) -> int:
    """Output tokens that this much pays for, after the prompt. Charges are rounded up, so one micro-credit is kept back."""
    price = offer.price
    left_micros -= price.cost_micros(prompt_tokens, 0)
    if left_micros < 0:
        return 0
    if price.output_micros_per_mtok == 0:
        return most
    return (left_micros - 1) * 1_000_000 // price.output_micros_per_mtok
