"""What a provider says it has: asked for once in a while, never in the way of a call."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec

from parlor.core.outbound import Outbound, OutboundFailed, Timeouts
from parlor.llm.endpoints import Endpoint

FRESH_SECONDS = 300
RETRY_SECONDS = 15
_MAX_LIST_BYTES = 8 * 1024 * 1024
_MAX_MODELS = 5_000
_MAX_NAME_CHARS = 200
_CONTEXT_NAMES = ("context_length", "max_model_len", "context_window", "max_context_length", "inputTokenLimit")


@dataclass(frozen=True)
class Listing:
    """`models` maps a name to its context in tokens (None: not told); None when the provider does not say what it has, and `error` says why."""

    models: Mapping[str, int | None] | None = None
    error: str | None = None
    is_reachable: bool = True
    looked_at: float = field(default=0, compare=False)


class Catalogue:
    """The models of one provider. The first look waits for the answer, at most `limit_seconds`; afterwards an old one is renewed in the background."""

    def __init__(self, endpoint: Endpoint, outbound: Outbound, limit_seconds: float) -> None:
        self.endpoint = endpoint
        self._outbound = outbound
        self._timeouts = Timeouts(limit_seconds, limit_seconds, limit_seconds, limit_seconds)
        self._listing: Listing | None = None
        self._asking: asyncio.Task[Listing] | None = None

    async def look(self) -> Listing:
        if self._listing is None:
            return await self._ask()
        age = asyncio.get_running_loop().time() - self._listing.looked_at
        if age > (RETRY_SECONDS if self._listing.models is None else FRESH_SECONDS):
            self._begin()
        return self._listing

    async def look_again(self, older_than_seconds: float) -> Listing:
        """Like `look`, but waits for a new answer when the last one is older than that."""
        if self._listing and asyncio.get_running_loop().time() - self._listing.looked_at <= older_than_seconds:
            return self._listing
        return await self._ask()

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> Listing:
        # Shielded: one caller's going away must not take the answer from the others who wait for it.
        return await asyncio.shield(self._begin())

    def _begin(self) -> "asyncio.Task[Listing]":
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._fetch())
        return self._asking

    async def _fetch(self) -> Listing:
        try:
            listing = await self._fetched()
        except OutboundFailed as error:
            listing = Listing(error=error.detail, is_reachable=False)
        self._listing = replace(listing, looked_at=asyncio.get_running_loop().time())
        return self._listing

    async def _fetched(self) -> Listing:
        url = f"{self.endpoint.base_url}/models"
        async with self._outbound.trusted("GET", url, headers=self.endpoint.headers, timeouts=self._timeouts) as reply:
            if reply.status in (401, 403):
                return Listing(error="The provider refused our key.", is_reachable=False)
            if reply.status != 200:
                return Listing(error=f"The provider answered with status {reply.status} when asked for its models.", is_reachable=reply.status < 500)
            body = await reply.read_all(_MAX_LIST_BYTES)
        try:
            rows = _rows(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Listing(error="The provider's list of models cannot be read.", is_reachable=False)
        prefix = "models/" if self.endpoint.kind == "gemini" else ""
        return Listing({name.removeprefix(prefix): context for name, context in rows.items()})


def _rows(value: Any) -> dict[str, int | None]:
    """`{"data": [{"id": ...}]}`, or the bare list. Odd rows are left out."""
    given: Any = cast("dict[str, Any]", value).get("data") if isinstance(value, dict) else value
    rows = cast("list[Any]", given) if isinstance(given, list) else []
    found: dict[str, int | None] = {}
    for row in rows[:_MAX_MODELS]:
        name = cast("dict[str, Any]", row).get("id") if isinstance(row, dict) else None
        if isinstance(name, str) and 0 < len(name) <= _MAX_NAME_CHARS and name.isprintable() and " " not in name:
            found[name] = _context_of(cast("dict[str, Any]", row))
    return found


def _context_of(row: dict[str, Any]) -> int | None:
    values = [row.get(name) for name in _CONTEXT_NAMES]
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 256), None)
