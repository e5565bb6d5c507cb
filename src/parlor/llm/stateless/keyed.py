"""Calls with an Idempotency-CallKey: one effect, however often the request comes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database
from parlor.core.errors import ParlorError
from parlor.core.idempotency import Claim, Idempotency, KeyInProgress, check_key, hash_of
from parlor.llm.errors import ModelFailed
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.errors import UnusableAnswer

Reply = Mapping[str, Any]
"""JSON, as the API answers it."""

_LEASE_LEAD_SECONDS = 60
"""What a call may take beside the model's answer."""
_FAILURES: Mapping[str, type[ParlorError]] = {UnusableAnswer.code: UnusableAnswer}


class CallKey(msgspec.Struct, frozen=True):
    text: str
    route: str
    body_hash: bytes

    @classmethod
    def of(cls, text: str, route: str, body: Any) -> "CallKey":
        """Raises BadIdempotencyKey."""
        return cls(check_key(text), route, hash_of(body))


class KeyedCalls:
    """A call with a key goes on when its client has gone: whoever lost the connection asks again with the same key, and gets the answer that was paid for.

    The reply stays with the key: a day, or until the account is erased. A call that failed without a charge leaves its key free.
    """

    def __init__(self, db: Database, idempotency: Idempotency, settings: LlmSettings) -> None:
        self._db = db
        self._idempotency = idempotency
        self._lease_seconds = settings.timeouts.total_seconds * 2 + _LEASE_LEAD_SECONDS  # an analysis may ask twice
        self._running: set[asyncio.Task[tuple[Reply, bool]]] = set()

    async def run(self, account_id: UUID, key: CallKey, work: Callable[[], Awaitable[Reply]]) -> tuple[Reply, bool]:
        """The reply, and whether an earlier request has made it. Raises what `work` raises, IdempotencyMismatch and KeyInProgress."""
        return await asyncio.shield(self.start(account_id, key, work))

    def start(self, account_id: UUID, key: CallKey, work: Callable[[], Awaitable[Reply]]) -> "asyncio.Task[tuple[Reply, bool]]":
        """Like `run`, for whoever does something else meanwhile."""
        task = asyncio.create_task(self._run(account_id, key, work), name=f"keyed call {key.route}")
        self._running.add(task)
        task.add_done_callback(self._note_end)
        return task

    async def close(self) -> None:
        """Ends what still runs. What was said until then is charged, and the keys are free again."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, account_id: UUID, key: CallKey, work: Callable[[], Awaitable[Reply]]) -> tuple[Reply, bool]:
        claim = await self._idempotency.begin(account_id, key.text, route=key.route, body_hash=key.body_hash, lease_seconds=self._lease_seconds)
        if not claim.is_new:
            return _replayed(claim.result), True
        try:
            reply = await work()
        except ParlorError as failure:
            if not failure.facts.get("charge_micros"):
                await self._idempotency.abandon(account_id, key.text, claim)
            else:
                await self._keep(account_id, key, claim, {"failure": {"code": failure.code, "detail": failure.detail, "facts": failure.facts}})
            raise
        except BaseException:
            await self._idempotency.abandon(account_id, key.text, claim)
            raise
        # as text: a database that reorders JSON, or takes no NUL in it, gives the same bytes again
        await self._keep(account_id, key, claim, {"reply": msgspec.json.encode(reply).decode()})
        return reply, False

    async def _keep(self, account_id: UUID, key: CallKey, claim: Claim, result: Any) -> None:
        try:
            await self._db.write(lambda tx: self._idempotency.finish(tx, account_id, key.text, claim, result))
        except KeyInProgress:
            pass  # the account was erased meanwhile, and its keys with it: the answer is for whoever still waits, and for nobody after

    def _note_end(self, task: "asyncio.Task[tuple[Reply, bool]]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # it was for the client, who may have gone


def _replayed(result: Any) -> Reply:
    """Raises what the first request met, when that has cost something."""
    if (failure := result.get("failure")) is None:
        return msgspec.json.decode(result["reply"])
    facts = dict(failure["facts"])
    if (kind := _FAILURES.get(failure["code"])) is not None:
        raise kind(failure["detail"], **facts)
    raise ModelFailed(facts.pop("reason", "provider_error"), failure["detail"], **facts)
