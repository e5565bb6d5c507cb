"""How a model can fail."""

from typing import Any, Literal

from parlor.core.errors import Invalid, NotFound, TooLarge, Unavailable

FailureReason = Literal["provider_unreachable", "provider_rate_limited", "provider_error", "provider_protocol", "content_filter"]

Fault = Literal["outage", "refusal", "request", "ours"]
"""Whose it is, and what follows. outage: the provider is not well; it counts for the breaker, and another model may answer. refusal: the provider is well
and does not serve us (rate limit, key, credit, no such model); another may. request: another would refuse it as well. ours: a limit of our own."""

_FAULTS: dict[FailureReason, Fault] = {
    "provider_unreachable": "outage",
    "provider_rate_limited": "refusal",
    "provider_error": "outage",
    "provider_protocol": "outage",
    "content_filter": "request",
}

_DETAILS: dict[FailureReason, str] = {
    "provider_unreachable": "The model's provider cannot be reached.",
    "provider_rate_limited": "The model's provider is limiting our requests. Try again later.",
    "provider_error": "The model's provider reported an error.",
    "provider_protocol": "The model's provider sent something that is not a complete answer.",
    "content_filter": "The model's provider refused this content.",
}


class ModelFailed(Unavailable):
    """No complete answer. `accepted` tells whether the provider took the request: it sent a 2xx status, so it may charge for it.

    `fault` is the usual one of the reason unless it is given. The detail and the facts never contain what the provider wrote: that may quote keys.
    """

    code = "llm.model_failed"

    def __init__(self, reason: FailureReason, detail: str | None = None, /, *, accepted: bool = False, fault: Fault | None = None, **facts: Any) -> None:
        super().__init__(detail or _DETAILS[reason], reason=reason, **facts)
        self.reason: FailureReason = reason
        self.accepted = accepted
        self.fault: Fault = fault or _FAULTS[reason]

    @property
    def may_fall_back(self) -> bool:
        """Another model may well answer the same request."""
        return self.fault in ("outage", "refusal")


class UnsupportedInput(Invalid):
    """This model's protocol has no way to say what was to be sent. Nothing was."""

    code = "llm.unsupported_input"


class UnknownModel(NotFound):
    code = "llm.unknown_model"


class NoModel(Unavailable):
    """A provider is configured, and nothing is known of its models."""

    code = "llm.no_model"


class EmptyMessage(Invalid):
    code = "chat.empty_message"
    detail = "The message is empty: write something that can be seen."


class MessageTooLong(TooLarge):
    code = "chat.message_too_long"


class PromptTooLong(TooLarge):
    code = "chat.prompt_too_long"
    detail = "The message is longer than the model can read."
