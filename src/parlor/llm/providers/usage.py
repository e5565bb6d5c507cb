"""Token counts as providers tell them: believed only as far as they make sense."""

from typing import Any

from parlor.llm.fields import field_of
from parlor.llm.ports import Usage

_MAX_TOKENS = 2**31 - 1


def count_of(counts: Any, *names: str) -> int | None:
    """The first of these that is there: None unless it is a number and not negative; cut off where the columns end."""
    value = next((found for name in names if (found := field_of(counts, name)) is not None), None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, _MAX_TOKENS))


def later(before: Usage | None, input_tokens: int | None, output_tokens: int | None, cached_tokens: int | None, reasoning_tokens: int | None) -> Usage | None:
    """The usage after one more report, never less than before: all providers that report several times report sums.

    None as long as there is nothing to be believed: zeros only, or one of both sides missing. Whoever charges then counts what was delivered.
    """
    if input_tokens is None or output_tokens is None or not (input_tokens or output_tokens):
        return before
    now = Usage(input_tokens, output_tokens, cached_tokens or 0, reasoning_tokens or 0)
    if before is None:
        return now
    return Usage(*(max(getattr(now, name), getattr(before, name)) for name in Usage.__struct_fields__))
