"""The error tree. A domain error subclasses one of these bases, has a stable dotted `code` and carries its facts as fields.

`RULES` is the one place that says what a base means outside: an HTTP status, an exit code of the command line, and whether
a job that met it is worth another try. Nobody else writes a status for an error.
"""

from typing import Any, ClassVar

import msgspec


class ParlorError(Exception):
    """A refusal with a reason that may be shown: `detail` is one sentence for a person, `facts` are its machine-readable fields."""

    code: ClassVar[str] = "internal"
    detail: str = "Something went wrong on our side."

    def __init__(self, detail: str | None = None, /, **facts: Any) -> None:
        self.detail = detail if detail is not None else type(self).detail
        self.facts = facts
        super().__init__(self.detail)


class BadRequest(ParlorError):
    """The request cannot be read at all: a forged cursor, broken JSON, a malformed header."""

    code = "request.malformed"


class Unauthenticated(ParlorError):
    code = "auth.unauthenticated"
    detail = "Sign in first: this needs a valid access token or API key."


class PaymentRequired(ParlorError):
    code = "wallet.payment_required"


class Forbidden(ParlorError):
    code = "auth.forbidden"
    detail = "You may not do this."


class NotFound(ParlorError):
    code = "not_found"
    detail = "There is no such thing, or it is not yours."


class NotAcceptable(ParlorError):
    code = "request.not_acceptable"


class Conflict(ParlorError):
    code = "conflict"


class TooLarge(ParlorError):
    code = "request.too_large"


class UnsupportedMediaType(ParlorError):
    code = "request.unsupported_media_type"


class Invalid(ParlorError):
    """The request can be read and makes no sense. `errors` (a list of {loc, msg, type}) names the fields."""

    code = "request.invalid"


class RateLimited(ParlorError):
    """Carries `retry_after_seconds`."""

    code = "rate_limited"


class Unavailable(ParlorError):
    """Something that we need does not answer now. May carry `retry_after_seconds`."""

    code = "unavailable"


class BadUpstream(ParlorError):
    """Something that we asked has answered, and not with anything that can be used."""

    code = "bad_upstream"


class StorageFull(ParlorError):
    code = "storage.full"
    detail = "The disk is full: nothing new can be saved. Free some space; what was saved before is safe."


class Misconfigured(ParlorError):
    """Settings that must not start. The detail names the setting and the cure."""

    code = "config.invalid"


class Rule(msgspec.Struct, frozen=True):
    status: int
    title: str
    exit_code: int = 1
    is_worth_retrying: bool = False


RULES: dict[type[ParlorError], Rule] = {
    BadRequest: Rule(400, "Bad request", exit_code=2),
    Unauthenticated: Rule(401, "Not signed in"),
    PaymentRequired: Rule(402, "Not enough credit"),
    Forbidden: Rule(403, "Not allowed"),
    NotFound: Rule(404, "Not found"),
    NotAcceptable: Rule(406, "Not acceptable"),
    Conflict: Rule(409, "Conflict"),
    TooLarge: Rule(413, "Too large", exit_code=2),
    UnsupportedMediaType: Rule(415, "Unsupported media type"),
    Invalid: Rule(422, "Invalid", exit_code=2),
    RateLimited: Rule(429, "Too many requests", is_worth_retrying=True),
    BadUpstream: Rule(502, "Bad answer from upstream", is_worth_retrying=True),
    Unavailable: Rule(503, "Unavailable", is_worth_retrying=True),
    StorageFull: Rule(507, "Storage full", is_worth_retrying=True),
    Misconfigured: Rule(500, "Misconfigured", exit_code=78),
    ParlorError: Rule(500, "Internal error"),
}


def rule_for(error: type[ParlorError] | ParlorError) -> Rule:
    kind = error if isinstance(error, type) else type(error)
    return next(RULES[base] for base in kind.__mro__ if base in RULES)
