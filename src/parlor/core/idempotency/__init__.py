"""One request, one effect: a key that a client sends again brings the first result, not a second effect.

Owns the keys, for 24 hours. What the result means belongs to the caller.
"""

from parlor.core.idempotency.errors import BadIdempotencyKey, IdempotencyMismatch, KeyInProgress
from parlor.core.idempotency.keys import check_key, hash_of
from parlor.core.idempotency.service import Claim, Idempotency, IdempotencyUserData

__all__ = ["BadIdempotencyKey", "Claim", "Idempotency", "IdempotencyMismatch", "IdempotencyUserData", "KeyInProgress", "check_key", "hash_of"]
