"""Vectors by what they are of: an account's own, so that erasing the account forgets them."""

import hashlib
from array import array
from collections.abc import Iterable, Mapping
from uuid import UUID

from parlor.core.cache import Cache
from parlor.llm.embeddings.settings import EmbeddingSettings
from parlor.llm.ports import Embedder, Vector

_ITEM_BYTES = array("f").itemsize


class EmbeddingCache:
    """Also tells nobody by its speed that somebody else has embedded the same text."""

    def __init__(self, cache: Cache, settings: EmbeddingSettings) -> None:
        self._cache = cache
        self._settings = settings

    async def find(self, account_id: UUID, embedder: Embedder, texts: Iterable[str]) -> dict[str, Vector]:
        """What is known of these. Nothing when it would be of different lengths: then the model behind the name has changed."""
        if not (self._settings.cache and embedder.is_remote):
            return {}
        keys = {text: _key(embedder, text) for text in texts}
        values = await self._cache.get_many(str(account_id), list(keys.values()))
        found = {text: array("f", value) for text, value in zip(keys, values, strict=True) if value and len(value) % _ITEM_BYTES == 0}
        lengths = {len(vector) for vector in found.values()} | ({embedder.dimensions} if embedder.dimensions else set[int]())
        return found if len(lengths) <= 1 else {}

    async def keep(self, account_id: UUID, embedder: Embedder, vectors: Mapping[str, Vector]) -> None:
        if self._settings.cache and embedder.is_remote and vectors:
            values = {_key(embedder, text): vector.tobytes() for text, vector in vectors.items()}
            await self._cache.set_many(str(account_id), values, ttl_seconds=self._settings.cache_seconds)


def _key(embedder: Embedder, text: str) -> str:
    return f"embedding {embedder.space} {hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
