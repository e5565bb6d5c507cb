"""Answers that are given again to the same call: only where the call or its model's settings ask for that."""

from typing import Any

import msgspec

from parlor.core.cache import Cache
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.calls import Prepared

_encode = msgspec.json.Encoder(order="deterministic").encode


class KeptAnswers:
    """Each account's own. What makes two calls the same is the model that would answer, and all that it would be sent."""

    def __init__(self, cache: Cache, settings: LlmSettings) -> None:
        self._cache = cache
        self._settings = settings

    async def find(self, prepared: Prepared) -> Any:
        """The reply (JSON) that was kept; None when there is none, or none is wanted."""
        if not self._seconds(prepared):
            return None
        (kept,) = await self._cache.get_many(str(prepared.asked.account_id), [_key_of(prepared)])
        return None if kept is None else msgspec.json.decode(kept)

    async def keep(self, prepared: Prepared, reply: Any) -> None:
        """For a whole answer; half of one is nothing to give again."""
        if seconds := self._seconds(prepared):
            await self._cache.set_many(str(prepared.asked.account_id), {_key_of(prepared): _encode(reply)}, ttl_seconds=seconds)

    def _seconds(self, prepared: Prepared) -> float:
        """How long: 0 is not at all."""
        model, is_wanted = self._settings.models.get(prepared.model.name), prepared.asked.cache
        seconds = None if model is None else model.cache_seconds
        if is_wanted is False or (is_wanted is None and seconds is None):
            return 0
        return seconds or self._settings.stateless.cache_seconds


def _key_of(prepared: Prepared) -> str:
    return _encode([prepared.model.name, prepared.request]).decode()
