"""Refusals of stateless calls."""

from parlor.core.errors import BadUpstream, RateLimited


class TooManyCalls(RateLimited):
    code = "llm.too_many_calls"
    detail = "Too many calls of this account are at work: wait until one has ended."


class UnusableAnswer(BadUpstream):
    """Carries `charge_micros`: what both tries have cost."""

    code = "llm.unusable_answer"
    detail = "The model's answer was not what it was asked for, twice. Another model may do better."
