"""What persons have said about the calls of a turn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from parlor.tools import Answered
from parlor.turns import hash_of_call


class Verdict(msgspec.Struct, frozen=True):
    """About one call. `refusal` is their reason for a no ("" without one)."""

    is_approved: bool = False
    arguments: Mapping[str, Any] | None = None
    refusal: str | None = None
    answers: Mapping[str, Answered] = msgspec.field(default_factory=dict[str, Answered])


NOBODY_ASKED = Verdict()


def verdicts_of(call_ids: Iterable[str], questions: Sequence[Any]) -> dict[str, Verdict]:
    """By call id, from the rows of a turn's questions."""
    return {call_id: _verdict([row for row in questions if row.call_id == call_id and row.answer is not None]) for call_id in call_ids}


def _verdict(rows: Sequence[Any]) -> Verdict:
    verdict = Verdict()
    for row in rows:
        decision, answer = row.answer["decision"], row.answer
        if row.kind != "approval":
            given = Answered(decision != "reject", answer.get("form"))
            verdict = Verdict(verdict.is_approved, verdict.arguments, verdict.refusal, {**verdict.answers, row.key: given})
        elif decision == "reject":
            verdict = Verdict(refusal=answer.get("reason") or "")
        elif hash_of_call(row.tool, row.arguments) == row.arguments_hash:
            verdict = Verdict(is_approved=True, arguments=answer.get("arguments", row.arguments))
    return verdict
