"""Claiming keys: in one transaction with the effect, or around work that is longer than a transaction."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.idempotency import queries
from parlor.core.idempotency.errors import IdempotencyMismatch, KeyInProgress
from parlor.core.ids import new_id
from parlor.core.jobs import Job

KEPT = timedelta(hours=24)
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.05
PAGE = 500


class Claim(msgspec.Struct, frozen=True):
    """`is_new`: this request is the first with its key, and does the work. Else `result` is what the first one left.

    `token` is for `finish` and `abandon`, after `begin`.
    """

    is_new: bool
    result: Any
    token: UUID | None = None


class Idempotency:
    def __init__(self, db: Database) -> None:
        self._db = db

    def claim(self, tx: Transaction, account_id: UUID, key: str, *, route: str, body_hash: bytes, result: Any) -> Claim:
        """Take the key for an effect in this same transaction; `result` (JSON, not None) is what repetitions get, such as the new row's id.

        Raises IdempotencyMismatch when the key was used on another route or with another body, KeyInProgress while `begin` holds it.
        """
        expires_at = tx.now() + KEPT
        if queries.claim(
            tx, account_id=account_id, key=key, route=route, body_hash=body_hash, result=result, token=None, created_at=tx.now(), expires_at=expires_at
        ):
            return Claim(True, result)
        found = self._read(tx, account_id, key, route, body_hash)
        if found is None or found.token is not None:
            raise KeyInProgress
        return Claim(False, found.result)

    def find(self, tx: Transaction, account_id: UUID, key: str, *, route: str, body_hash: bytes) -> Claim | None:
        """The first result, if the key was used and its work is done: for a look before rate limits, so that a repetition is never refused.

        Raises IdempotencyMismatch.
        """
        found = self._read(tx, account_id, key, route, body_hash)
        return Claim(False, found.result) if found is not None and found.token is None else None

    async def begin(self, account_id: UUID, key: str, *, route: str, body_hash: bytes, lease_seconds: float = 60, wait_seconds: float = WAIT_SECONDS) -> Claim:
        """Take the key for work that is not one transaction; call `finish` in its last one, or `abandon`. When neither comes the key is free after the lease.

        While another request holds it, waits up to `wait_seconds` for its result, then raises KeyInProgress.
        """
        deadline, token = time.monotonic() + wait_seconds, new_id()
        while True:
            claim = await self._db.write(lambda tx: self._begin(tx, account_id, key, route, body_hash, token, lease_seconds))
            if claim is not None:
                return claim
            if time.monotonic() >= deadline:
                raise KeyInProgress
            await self._wait_for_change(account_id, key, deadline)

    def finish(self, tx: Transaction, account_id: UUID, key: str, claim: Claim, result: Any) -> None:
        """Keep `result` for repetitions. Raises KeyInProgress when the lease ran out and another request took the key: roll the work back."""
        assert claim.token is not None, "only what `begin` claimed is to be finished"
        if not queries.finish(tx, account_id, key, claim.token, result, tx.now() + KEPT):
            raise KeyInProgress

    async def abandon(self, account_id: UUID, key: str, claim: Claim) -> None:
        """The work failed and left nothing: the next request with this key starts afresh."""
        if (token := claim.token) is not None:
            await self._db.write(lambda tx: queries.abandon(tx, account_id, key, token))

    def jobs(self) -> Sequence[Job]:
        return [Job("idempotency.remove_expired", self._remove_expired, every_seconds=3600, first_after_seconds=600)]

    def _begin(self, tx: Transaction, account_id: UUID, key: str, route: str, body_hash: bytes, token: UUID, lease_seconds: float) -> Claim | None:
        lease_end = tx.now() + timedelta(seconds=lease_seconds)
        if queries.claim(
            tx, account_id=account_id, key=key, route=route, body_hash=body_hash, result=None, token=token, created_at=tx.now(), expires_at=lease_end
        ):
            return Claim(True, None, token)
        return self.find(tx, account_id, key, route=route, body_hash=body_hash)

    async def _wait_for_change(self, account_id: UUID, key: str, deadline: float) -> None:
        """Reads only: many requests may wait, and a write each time would keep the others from finishing."""
        while time.monotonic() < deadline and await self._db.read(lambda tx: self._is_in_progress(tx, account_id, key)):  # noqa: ASYNC110  # see below
            await asyncio.sleep(POLL_SECONDS)  # the first request may be another process's: there is no event to wait for

    @staticmethod
    def _is_in_progress(tx: Transaction, account_id: UUID, key: str) -> bool:
        found = queries.find(tx, account_id, key)
        return found is not None and found.token is not None and found.expires_at > tx.now()

    @staticmethod
    def _read(tx: Transaction, account_id: UUID, key: str, route: str, body_hash: bytes) -> Any:
        """The row of a key that counts, or None."""
        found = queries.find(tx, account_id, key)
        if found is None or found.expires_at <= tx.now():
            return None
        if (found.route, bytes(found.body_hash)) != (route, body_hash):
            raise IdempotencyMismatch
        return found

    async def _remove_expired(self, args: Mapping[str, Any]) -> None:
        while await self._db.write(lambda tx: queries.remove_expired(tx, PAGE), bulk=True) == PAGE:
            pass


class IdempotencyUserData:
    name = "idempotency"
    tables = ("idempotency_keys",)
    describes: ClassVar[Mapping[str, str]] = {
        "idempotency_keys": "Keys that were sent with requests of the last day, with what a repeated request gets: an id, or the answer."
    }

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        rows = await self._db.read(lambda tx: queries.of_account(tx, account_id))
        return {"idempotency_keys": [{name: getattr(row, name) for name in ("key", "route", "result", "created_at", "expires_at")} for row in rows]}

    async def erase(self, account_id: UUID) -> int:
        return await self._db.write(lambda tx: queries.remove_of_account(tx, account_id), bulk=True)
