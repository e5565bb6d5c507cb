"""Idempotency-Keys of the requests that add credit."""

from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.idempotency import Claim, Idempotency, check_key, hash_of


class RequestKey(msgspec.Struct, frozen=True):
    """A key, who sent it, and the hash of what came with it."""

    account_id: UUID
    key: str
    body_hash: bytes

    @classmethod
    def of(cls, account_id: UUID, key: str | None, *request: Any) -> "RequestKey | None":
        """None without a key. `request` is all that the effect depends on, as JSON values. Raises BadIdempotencyKey."""
        return None if key is None else cls(account_id, check_key(key), hash_of(request))


FIRST = Claim(True, None)


def claim(idempotency: Idempotency, tx: Transaction, key: RequestKey | None, route: str, result: Any) -> Claim:
    """Take the key for an effect in this transaction; without a key every request is the first."""
    if key is None:
        return FIRST
    return idempotency.claim(tx, key.account_id, key.key, route=route, body_hash=key.body_hash, result=result)
