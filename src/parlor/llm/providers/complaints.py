"""Error objects of providers, in a reply's body or in a stream: known marks are looked for, and nothing that they say is passed on."""

import re
from typing import Any

import msgspec

from parlor.llm.errors import ModelFailed
from parlor.llm.fields import field_of, rows_of

_TOO_LONG = ("context_length", "prompt is too long", "exceed context limit", "exceeds the maximum number of tokens", "exceeds the available context size")
_RATE_LIMITED = ("429", "rate_limit", "resource_exhausted")
_FILTERED = ("content_filter", "content_policy")
_OUT_OF_CREDIT = ("insufficient_quota", "billing_error")
_OVERLOADED = ("overloaded", "529", "unavailable", "503")
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")

OVERLOADED = "The model's provider is overloaded. Try again later."


class Complaint(msgspec.Struct, frozen=True):
    """`marks` are codes, in lower case. The provider's own text may quote keys: it is looked at for one fact and forgotten."""

    marks: str = ""
    is_too_long: bool = False
    retry_after_seconds: float | None = None

    @property
    def is_rate_limit(self) -> bool:
        return self._has(_RATE_LIMITED)

    @property
    def is_filtered(self) -> bool:
        return self._has(_FILTERED)

    @property
    def is_out_of_credit(self) -> bool:
        return self._has(_OUT_OF_CREDIT)

    @property
    def is_overload(self) -> bool:
        return self._has(_OVERLOADED)

    @property
    def is_about_key(self) -> bool:
        return self._has(("api_key_invalid",))  # Gemini says it with status 400

    def _has(self, words: tuple[str, ...]) -> bool:
        return any(word in self.marks for word in words)


def complaint_of(given: Any) -> Complaint:
    """An error object, however it is wrapped."""
    error: Any = next(iter(rows_of(given)), None) if isinstance(given, list) else given  # Gemini sends a list
    wrapped: Any = field_of(error, "error")
    inner: Any = wrapped if type(wrapped) in (dict, str) else error
    details = rows_of(field_of(inner, "details"))
    marks = " ".join(str(mark) for mark in [*(field_of(inner, name) for name in ("code", "type", "status")), *(each.get("reason") for each in details)])
    text = f"{marks} {inner if isinstance(inner, str) else field_of(inner, 'message')}".lower()
    return Complaint(marks.lower(), any(words in text for words in _TOO_LONG), _delay_of(details))


def complaint_of_body(raw: bytes) -> Complaint:
    try:
        return complaint_of(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint()


def failure_in_stream(error: Any) -> ModelFailed:
    """What an error object in the middle of an answer means."""
    complaint = complaint_of(error)
    if complaint.is_rate_limit:
        return ModelFailed("provider_rate_limited", accepted=True)
    if complaint.is_filtered:
        return ModelFailed("content_filter", accepted=True)
    return ModelFailed("provider_error", OVERLOADED if complaint.is_overload else None, accepted=True)


def _delay_of(details: list[dict[str, Any]]) -> float | None:
    """Gemini names the time to wait in the body and nowhere else: `{"@type": ".../google.rpc.RetryInfo", "retryDelay": "34s"}`."""
    delays = (_DELAY.fullmatch(delay) for each in details if isinstance(delay := each.get("retryDelay"), str))
    return next((float(found[1]) for found in delays if found), None)
