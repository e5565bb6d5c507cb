"""One paid call for embeddings: what it came to, also when only a part of it did."""

import asyncio
from collections.abc import Sequence

import msgspec

from parlor.llm.ports import EmbeddedBatch, Embedder, Usage, Vector
from parlor.llm.tokens import estimate_tokens
from parlor.wallet import Hold, Price


class Embedded(msgspec.Struct, frozen=True):
    """`vectors`: one for each text, in their order. `input_tokens` and `charge_micros` are of those that had to be sent; `remembered` is how many had not.

    `charge_micros` is None when it could not be settled: then the hold goes back by itself.
    """

    model: str
    vectors: Sequence[Vector]
    input_tokens: int
    charge_micros: int | None
    remembered: int = 0

    @property
    def dimensions(self) -> int:
        """0 without texts."""
        return len(self.vectors[0]) if self.vectors else 0


class EmbeddingMeter:
    """Listens to the requests that a provider accepted: their count, else the estimate of what they were about."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._estimates = [estimate_tokens(text) for text in texts]
        self._is_accepted = False
        self.input_tokens = 0
        self.vectors: dict[str, Vector] = {}

    @property
    def estimated_tokens(self) -> int:
        return sum(self._estimates)

    def take(self, batch: EmbeddedBatch) -> None:
        self._is_accepted = True
        part = slice(batch.start, batch.start + batch.count)
        self.input_tokens += sum(self._estimates[part]) if batch.input_tokens is None else batch.input_tokens
        if batch.vectors:
            self.vectors.update(zip(self._texts[part], batch.vectors, strict=True))

    def usage(self) -> Usage | None:
        """None: nothing came of it, and nothing is charged."""
        return Usage(self.input_tokens, 0) if self._is_accepted else None


class EmbeddingCall:
    """What the gate settles, as it settles an answer."""

    def __init__(self, embedder: Embedder, price: Price, hold: Hold, purpose: str, meter: EmbeddingMeter) -> None:
        self.model = embedder.name
        self.price = price
        self.hold_micros = hold.amount_micros
        self.hold_id = hold.id
        self.purpose = purpose
        self.usage: Usage | None = None
        self.charge_micros: int | None = None
        self.meter = meter
        self.settlement: asyncio.Task[None] | None = None


def embedded(model: str, vectors: Sequence[Vector], calls: Sequence[EmbeddingCall], distinct: int) -> Embedded:
    """What several calls came to together; `distinct` is how many different texts there were."""
    charges = [call.charge_micros for call in calls]
    charge_micros = None if None in charges else sum(charge or 0 for charge in charges)
    sent = sum(len(call.meter.vectors) for call in calls)
    return Embedded(model, vectors, sum(call.meter.input_tokens for call in calls), charge_micros, distinct - sent)
