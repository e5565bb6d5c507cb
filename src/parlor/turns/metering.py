"""What a turn used, told from its log alone, so that the server that ran it and the sweep that finds it dead charge by one rule.

The rule (INV-M5): a step of the model that reported its usage costs that; one that did not, but was accepted or said something, costs its estimated prompt
and what it said; one that never got an answer costs nothing.
"""

from collections.abc import Iterable

from parlor.llm import Usage, estimate_tokens
from parlor.turns.events import LogEvent, ReasoningDelta, StepStarted, TextDelta, UsageReported

NOTHING = Usage(input_tokens=0, output_tokens=0)


def usage_of(events: Iterable[LogEvent], *, is_accepted: bool) -> Usage:
    """`is_accepted` is about the last step: the provider took the request, though it may not have said anything yet."""
    total = NOTHING
    prompt_tokens: int | None = None
    said: list[str] = []
    for event in events:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            said.append(event.text)
        elif isinstance(event, StepStarted):
            total = _with_estimate(total, prompt_tokens, said, is_accepted=False)
            prompt_tokens, said = event.prompt_tokens, []
        elif isinstance(event, UsageReported):
            total = Usage(event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens)
            prompt_tokens, said = None, []
    return _with_estimate(total, prompt_tokens, said, is_accepted=is_accepted)


def _with_estimate(total: Usage, prompt_tokens: int | None, said: list[str], *, is_accepted: bool) -> Usage:
    if prompt_tokens is None or not (said or is_accepted):
        return total
    return plus(total, Usage(input_tokens=prompt_tokens, output_tokens=estimate_tokens("".join(said))))


def plus(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )
