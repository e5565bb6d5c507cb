"""Embedding models by their full names."""

from collections.abc import Mapping
from functools import partial

from parlor.core.outbound import Outbound
from parlor.llm.embeddings.offline import NAME as OFFLINE_EMBEDDER
from parlor.llm.embeddings.offline import OfflineEmbedder
from parlor.llm.embeddings.remote import RemoteEmbedder
from parlor.llm.embeddings.wires import EMBEDDING_WIRES, EmbeddingTarget
from parlor.llm.endpoints import Endpoint
from parlor.llm.errors import UnsupportedInput
from parlor.llm.ports import Embedder
from parlor.llm.pricing import Pricing
from parlor.llm.routing.guards import Guards
from parlor.llm.settings import LlmSettings, ModelSettings

_MAX_REMEMBERED = 1_000


class Embedders:
    """Made once each, since an embedder learns how long its vectors are. Which names there are, and for whom, is the registry's business."""

    def __init__(self, settings: LlmSettings, pricing: Pricing, outbound: Outbound, guards: Guards, endpoints: Mapping[str, Endpoint]) -> None:
        self._settings = settings
        self._pricing = pricing
        self._outbound = outbound
        self._guards = guards
        self._endpoints = endpoints
        self._offline = OfflineEmbedder(partial(pricing.of, OFFLINE_EMBEDDER))
        self._remote: dict[str, RemoteEmbedder] = {}

    def default_name(self) -> str:
        return self._settings.embeddings.model or OFFLINE_EMBEDDER

    def built_in(self, name: str) -> Embedder | None:
        return self._offline if name in (OFFLINE_EMBEDDER, OFFLINE_EMBEDDER.partition("/")[2]) else None

    def get(self, name: str) -> Embedder:
        """Of a provider that is configured. Raises UnsupportedInput when its protocol has no embeddings."""
        if (known := self._remote.get(name)) is not None:
            return known
        provider, _, model = name.partition("/")
        endpoint = self._endpoints.get(provider)
        if endpoint is None or endpoint.kind not in EMBEDDING_WIRES:
            raise UnsupportedInput(f"{name} makes no embeddings: name an embedding model, or {OFFLINE_EMBEDDER}.")
        if len(self._remote) >= _MAX_REMEMBERED:  # a provider that lists nothing takes any name
            self._remote.clear()
        known = self._settings.models.get(name, ModelSettings())
        target = EmbeddingTarget(endpoint, model, known.dimensions, known.embeddings_at_once, known.context_tokens)
        self._remote[name] = found = RemoteEmbedder(
            target,
            self._outbound,
            price_now=partial(self._pricing.of, name),
            timeouts=self._settings.timeouts.as_timeouts(),
            guard=self._guards.of(name),
        )
        return found
