"""What a reply that is no stream means, and whether it is worth another try."""

import random
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from parlor.core.outbound import OutboundFailed
from parlor.llm.errors import Fault, ModelFailed
from parlor.llm.providers.complaints import OVERLOADED, Complaint, complaint_of_body

if TYPE_CHECKING:
    from parlor.core.outbound import Reply

_MAX_ERROR_BYTES = 64 * 1024
_ERROR_BODY_SECONDS = 2
_BUSY = (429, 503, 529)
"""Turned away before any work was done. 529 is Anthropic's word for being overloaded."""
_NOT_FOR_US = (401, 402, 403, 404, 408, 409)
"""Refused for what we are, or for the moment, and not for what was asked."""
_KEY_REFUSED = "The model's provider refused our key."


class Refusal(msgspec.Struct, frozen=True):
    """`kind` says whether sending again is safe: "connect" was never sent, "busy" was turned away at the door, "final" neither."""

    failure: ModelFailed
    kind: Literal["connect", "busy", "final"]
    status: int | None = None
    retry_after_seconds: float | None = None


class Patience(msgspec.Struct, frozen=True):
    """How often and how long to try again (REL-05): the waits double, with jitter, and `Retry-After` stands above them."""

    retries: int = 2
    first_wait_seconds: float = 0.5
    connect_seconds: float = 10
    busy_seconds: float = 20

    def wait_of(self, refusal: Refusal, retries_so_far: int, elapsed_seconds: float) -> float | None:
        """Seconds until the next try, or None when this was the last."""
        if refusal.kind == "final" or retries_so_far >= self.retries:
            return None
        wait = refusal.retry_after_seconds
        if wait is None:
            wait = self.first_wait_seconds * 2**retries_so_far * random.uniform(0.5, 1.5)
        limit = self.connect_seconds if refusal.kind == "connect" else self.busy_seconds
        return wait if elapsed_seconds + wait <= limit else None


PATIENCE = Patience()


async def refusal_of(reply: "Reply", content_types: Collection[str]) -> Refusal | None:
    """None for the beginning of a stream. Of an error's body only known codes are looked at: its text may quote the key."""
    if 200 <= reply.status < 300:
        if reply.status == 200 and reply.content_type in content_types and reply.is_plain:
            return None
        return Refusal(ModelFailed("provider_protocol", "The model's provider did not answer with a stream.", accepted=True), "final", reply.status)
    if reply.status < 400:
        return Refusal(ModelFailed("provider_protocol", "The model's provider sent us elsewhere, which is not followed."), "final", reply.status)
    complaint = await _complaint_of(reply)
    may_retry = reply.status in _BUSY and not complaint.is_out_of_credit and reply.headers.get("x-should-retry") != "false"
    wait = retry_after_of(reply)
    return Refusal(
        _failure_of(reply.status, complaint), "busy" if may_retry else "final", reply.status, complaint.retry_after_seconds if wait is None else wait
    )


async def _complaint_of(reply: "Reply") -> Complaint:
    reply.expect_end(_ERROR_BODY_SECONDS)
    try:
        return complaint_of_body(await reply.read_all(_MAX_ERROR_BYTES))
    except OutboundFailed:
        return Complaint()


def _failure_of(status: int, complaint: Complaint) -> ModelFailed:
    if complaint.is_filtered:
        return ModelFailed("content_filter", status=status)
    if complaint.is_out_of_credit:
        return ModelFailed("provider_rate_limited", "Our account at the model's provider is out of credit.", status=status)
    if status == 429:
        return ModelFailed("provider_rate_limited", status=status)
    details = {
        401: _KEY_REFUSED,
        403: _KEY_REFUSED,
        404: "The model's provider does not know this model.",
        529: OVERLOADED,
    }
    if complaint.is_about_key:
        return ModelFailed("provider_error", _KEY_REFUSED, fault="refusal", status=status)
    detail = "The conversation is longer than the model can read." if complaint.is_too_long else details.get(status)
    return ModelFailed("provider_error", detail, fault=_fault_of(status), status=status)


def _fault_of(status: int) -> Fault:
    if status >= 500:
        return "outage"
    return "refusal" if status in _NOT_FOR_US else "request"


def retry_after_of(reply: "Reply") -> float | None:
    """`retry-after-ms`, else `Retry-After` in seconds or as a date; None when there is none that can be read."""
    try:
        if text := reply.headers.get("retry-after-ms"):
            return max(0.0, float(text) / 1000)
        text = reply.headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.replace(".", "", 1).isdecimal():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
