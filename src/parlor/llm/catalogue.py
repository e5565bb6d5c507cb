"""What a provider says it has: asked for once in a while, never in the way of a call."""

import asyncio
from dataclasses import replace

from parlor.core.outbound import Outbound, OutboundFailed, Timeouts
from parlor.llm.discovery import Listing, fetch_models
from parlor.llm.endpoints import Endpoint

FRESH_SECONDS = 300
RETRY_SECONDS = 15


class Catalogue:
    """The models of one provider. The first look waits for the answer, at most `limit_seconds`; afterwards an old one is renewed in the background.

    By whoever looks, and on no schedule: an idle house asks nobody, and a name that is missing from an old list is asked for anyway.
    """

    def __init__(self, endpoint: Endpoint, outbound: Outbound, limit_seconds: float, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self.endpoint = endpoint
        self._outbound = outbound
        self._timeouts = Timeouts(limit_seconds, limit_seconds, limit_seconds, limit_seconds)
        self._fresh_seconds = fresh_seconds
        self._listing: Listing | None = None
        self._asking: asyncio.Task[Listing] | None = None

    @property
    def listing(self) -> Listing | None:
        """The last answer, without asking. None: nobody has asked yet."""
        return self._listing

    async def look(self) -> Listing:
        if self._listing is None:
            return await self._ask()
        age = asyncio.get_running_loop().time() - self._listing.looked_at
        if age > (RETRY_SECONDS if self._listing.models is None else self._fresh_seconds):
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
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            listing = await fetch_models(self.endpoint, self._outbound, self._timeouts)
        except OutboundFailed as error:
            listing = Listing(error=error.detail, is_reachable=False)
        self._listing = replace(listing, looked_at=clock(), took_ms=round((clock() - began) * 1000, 1))
        return self._listing
