"""What can be wrong with a key."""

from parlor.core.errors import BadRequest, Conflict, Invalid


class BadIdempotencyKey(BadRequest):
    code = "idempotency.bad_key"
    detail = "An Idempotency-Key is 1 to 255 visible ASCII characters."


class IdempotencyMismatch(Invalid):
    code = "idempotency.mismatch"
    detail = "This Idempotency-Key was used for another request: the same key with another body, or on another path. Use a new key."


class KeyInProgress(Conflict):
    code = "idempotency.in_progress"
    detail = "The first request with this Idempotency-Key is still at work. Ask again in a moment."
