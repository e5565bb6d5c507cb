"""An embedding model behind a provider's endpoint: requests of a size that it takes, several at once, tried again where that is safe."""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec
import structlog

from parlor.core.outbound import Malformed, Outbound, OutboundFailed, TimedOut, Timeouts, Unreachable
from parlor.llm.embeddings.batches import batches_of, check_texts
from parlor.llm.embeddings.wires import EMBEDDING_WIRES, EmbeddingTarget
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import EmbeddedBatch, Embeddings, Vector
from parlor.llm.providers.refusals import PATIENCE, Patience, Refusal, refusal_of

if TYPE_CHECKING:
    from parlor.core.outbound import Reply
    from parlor.llm.routing.guards import Guard
    from parlor.wallet import Price

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_DIMENSIONS = 65_536
AT_ONCE = 4
"""Requests of one call that are under way at the same time."""

Tell = Callable[[EmbeddedBatch], None]

_log = structlog.get_logger("parlor.llm")


class RemoteEmbedder:
    """Nobody else embeds in its place when it is down: the vectors of two models have nothing in common."""

    is_remote = True

    def __init__(
        self,
        target: EmbeddingTarget,
        outbound: Outbound,
        *,
        price_now: "Callable[[], Price]",
        timeouts: Timeouts = Timeouts(),
        patience: Patience = PATIENCE,
        guard: "Guard | None" = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.name = target.name
        self.dimensions: int | None = target.dimensions
        self.space = f"{target.name} at {target.endpoint.base_url}" + (f" in {target.dimensions}" if target.dimensions else "")
        self._target = target
        self._outbound = outbound
        self._price_now = price_now
        self._timeouts = timeouts
        self._patience = patience
        self._guard = guard
        self._max_answer_bytes = max_answer_bytes
        self._wire = EMBEDDING_WIRES[target.endpoint.kind]
        self._url = self._wire.url_of(target)

    @property
    def price(self) -> "Price":
        return self._price_now()

    async def embed(self, texts: Sequence[str], tell: Tell | None = None) -> Embeddings:
        """When one request fails, those that have not been sent are not, and those that are under way are heard to their end: they are paid for."""
        check_texts(texts)
        max_texts = self._target.max_texts or self._wire.max_texts_of(self._target)
        waiting = list(batches_of(texts, max_texts, self._wire.max_tokens))
        done: list[EmbeddedBatch] = []
        failures: list[BaseException] = []

        async def work() -> None:
            while waiting and not failures:
                start, portion = waiting.pop(0)
                try:
                    async with self._guard.call() if self._guard else nullcontext():
                        done.append(await self._embed(start, portion, tell))
                except Exception as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(work())
        if failures:
            raise failures[0]
        done.sort(key=lambda batch: batch.start)
        return Embeddings(self._checked([vector for batch in done for vector in batch.vectors]), done)

    def _checked(self, vectors: list[Vector]) -> list[Vector]:
        if len({len(vector) for vector in vectors}) > 1:
            raise _bad("The model's provider sent vectors of different lengths.")
        if vectors:
            self.dimensions = len(vectors[0])
        return vectors

    async def _embed(self, start: int, texts: Sequence[str], tell: Tell | None) -> EmbeddedBatch:
        body = msgspec.json.encode(self._wire.body_of(texts, self._target))
        clock = asyncio.get_running_loop().time
        began, retries = clock(), 0
        while True:
            attempt = await self._try(body, start, len(texts), tell)
            if isinstance(attempt, EmbeddedBatch):
                return attempt
            wait = self._patience.wait_of(attempt, retries, clock() - began)
            _log.warning("llm.call_refused", model=self.name, reason=attempt.failure.reason, status=attempt.status, retry_in_seconds=wait)
            if wait is None:
                attempt.failure.facts["model"] = self.name
                raise attempt.failure
            retries += 1
            await asyncio.sleep(wait)

    async def _try(self, body: bytes, start: int, count: int, tell: Tell | None) -> EmbeddedBatch | Refusal:
        headers = {**self._target.endpoint.headers, "Accept": "application/json"}
        try:
            async with self._outbound.trusted("POST", self._url, headers=headers, body=body, timeouts=self._timeouts) as reply:
                if reply.status != 200 and (refusal := await refusal_of(reply, ())) is not None:
                    return refusal
                return await self._accepted(reply, start, count, tell)
        except OutboundFailed as error:
            return _not_reached(error)

    async def _accepted(self, reply: "Reply", start: int, count: int, tell: Tell | None) -> EmbeddedBatch | Refusal:
        """Whatever comes of it, the provider may charge for it: told also when it is left in the middle."""
        batch = EmbeddedBatch(start, count)
        try:
            vectors, tokens = self._read(await self._whole(reply), count)
            batch = EmbeddedBatch(start, count, vectors, tokens or None)
            return batch
        except ModelFailed as failure:
            return Refusal(failure, "final", reply.status)
        finally:
            if tell is not None:
                tell(batch)

    async def _whole(self, reply: "Reply") -> bytes:
        try:
            return await reply.read_all(self._max_answer_bytes)
        except OutboundFailed as error:
            reason = "provider_unreachable" if isinstance(error, TimedOut) else "provider_protocol"
            raise ModelFailed(reason, f"The model's answer broke off. {error.detail}", accepted=True) from error

    def _read(self, body: bytes, count: int) -> tuple[Sequence[Vector], int | None]:
        try:
            vectors, tokens = self._wire.read(body)
        except (ValueError, OverflowError, RecursionError) as error:  # what is no JSON is a ValueError as well
            raise _bad("The model's provider sent something that is no list of vectors.") from error
        if len(vectors) != count:
            raise _bad(f"The model's provider sent {len(vectors)} vectors for {count} texts.")
        # one number that is not finite makes the sum so
        if not all(0 < len(vector) <= MAX_DIMENSIONS and math.isfinite(sum(vector)) for vector in vectors):
            raise _bad("The model's provider sent a vector that is empty, too long or not of finite numbers.")
        if self._target.dimensions and any(len(vector) != self._target.dimensions for vector in vectors):
            raise _bad(f"The model's provider sent vectors of another length than the {self._target.dimensions} that were asked for.")
        return vectors, tokens


def _bad(detail: str) -> ModelFailed:
    return ModelFailed("provider_protocol", detail, accepted=True)


def _not_reached(error: OutboundFailed) -> Refusal:
    failure = ModelFailed("provider_protocol" if isinstance(error, Malformed) else "provider_unreachable")
    failure.__cause__ = error
    return Refusal(failure, kind="connect" if isinstance(error, Unreachable) else "final")
