"""When keys were last used: collected in memory and written together, never on the way of a request."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from parlor.accounts import api_key_queries as queries
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.core.log import get_logger

APART = timedelta(minutes=1)
"""A key's time is stored at most this often, so it may be that much behind."""
_GATHERING_SECONDS = 1.0

log = get_logger("parlor.accounts")


class KeyUses:
    """`note` on the event loop; `close` stores what is left."""

    def __init__(self, db: Database, clock: Clock, *, gathering_seconds: float = _GATHERING_SECONDS) -> None:
        self._db = db
        self._clock = clock
        self._gathering_seconds = gathering_seconds
        self._used: dict[UUID, datetime] = {}
        self._stored: dict[UUID, datetime] = {}
        self._storing: asyncio.Task[None] | None = None

    def note(self, key_id: UUID) -> None:
        """It is used now."""
        self._used[key_id] = self._clock.now()
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_in_time())

    async def close(self) -> None:
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
        await self._store(self._used)

    async def _store_in_time(self) -> None:
        """Until nothing is left to store; the next use begins anew."""
        try:
            while self._used:
                await asyncio.sleep(self._gathering_seconds)
                await self._store(self._due())
        finally:
            self._storing = None

    def _due(self) -> dict[UUID, datetime]:
        """What was used, and not stored within the last minute."""
        before = self._clock.now() - APART
        self._stored = {key_id: stored for key_id, stored in self._stored.items() if stored > before}
        return {key_id: used for key_id, used in self._used.items() if key_id not in self._stored}

    async def _store(self, uses: dict[UUID, datetime]) -> None:
        if not uses:
            return
        uses, before = dict(uses), self._clock.now() - APART
        try:
            await self._db.write(lambda tx: queries.note_uses(tx, uses.items(), before), bulk=True)
        except Exception as error:  # lost, and told again by the key's next use: it must not fail anything
            log.warning("the last uses of API keys could not be stored", exc_info=error)
        for key_id, used in uses.items():
            self._stored[key_id] = used
            if self._used.get(key_id) == used:
                del self._used[key_id]
