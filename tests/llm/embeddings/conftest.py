import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.fake_model import FakeModel
from parlor.core.outbound import Outbound, Timeouts
from parlor.llm import Embedder
from parlor.llm.embeddings.remote import RemoteEmbedder
from parlor.llm.embeddings.wires import EmbeddingTarget
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.providers.refusals import Patience
from parlor.llm.settings import ProviderSettings
from parlor.wallet import Price
from tests.llm.conftest import IMPATIENT, KEY, QUICK, fake, outbound

__all__ = ["fake", "outbound"]

MakeEmbedder = Callable[..., RemoteEmbedder]
REMOTE: tuple[Kind, ...] = ("openai", "gemini", "ollama")


@pytest.fixture(params=REMOTE)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def make_embedder(fake: FakeModel, outbound: Outbound) -> MakeEmbedder:
    """One at the fake, or at another base URL."""

    def make(
        kind: Kind = "openai",
        base_url: str | None = None,
        *,
        dimensions: int | None = None,
        max_texts: int | None = None,
        timeouts: Timeouts = QUICK,
        patience: Patience = IMPATIENT,
        price: Price = Price(1_000_000, 9),
        **more: Any,
    ) -> RemoteEmbedder:
        endpoint = endpoint_of("main", ProviderSettings(kind=kind, base_url=base_url or fake.origin, api_key=KEY))  # pyright: ignore[reportArgumentType]
        target = EmbeddingTarget(endpoint, "fake", dimensions, max_texts)
        return RemoteEmbedder(target, outbound, price_now=lambda: price, timeouts=timeouts, patience=patience, **more)

    return make


async def lists(embedder: Embedder, texts: Sequence[str], *tell: Any) -> list[list[float]]:
    return [vector.tolist() for vector in (await embedder.embed(texts, *tell)).vectors]


def cosine(one: Sequence[float], two: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True)) / (math.hypot(*one) * math.hypot(*two))
