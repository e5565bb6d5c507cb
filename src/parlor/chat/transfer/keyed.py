"""An import with an Idempotency-Key: the same file again makes no second copy of what is in it."""

from typing import Any
from uuid import UUID

from parlor.chat.transfer.imports import SessionImports
from parlor.chat.transfer.schemas import ImportRead
from parlor.core.db import Database
from parlor.core.idempotency import Idempotency, hash_of
from parlor.llm import ModelAccess

ROUTE = "sessions.import"
LEASE_SECONDS = 900
"""Longer than the largest import takes."""


class KeyedImports:
    def __init__(self, db: Database, idempotency: Idempotency, imports: SessionImports) -> None:
        self._db = db
        self._idempotency = idempotency
        self._imports = imports

    async def run(self, account_id: UUID, key: str | None, content: bytes, access: ModelAccess) -> tuple[Any, bool]:
        """The reply as JSON, and whether an earlier request has made it. Raises what `SessionImports.run` raises, IdempotencyMismatch and KeyInProgress.

        An import that was refused, or that broke off, leaves its key free.
        """
        if key is None:
            return await self._reply(account_id, content, access), False
        claim = await self._idempotency.begin(account_id, key, route=ROUTE, body_hash=hash_of(content), lease_seconds=LEASE_SECONDS)
        if not claim.is_new:
            return claim.result, True
        try:
            reply = await self._reply(account_id, content, access)
            await self._db.write(lambda tx: self._idempotency.finish(tx, account_id, key, claim, reply))
        except BaseException:
            await self._idempotency.abandon(account_id, key, claim)
            raise
        return reply, False

    async def _reply(self, account_id: UUID, content: bytes, access: ModelAccess) -> Any:
        return ImportRead.of(await self._imports.run(account_id, content, access)).model_dump(mode="json")
