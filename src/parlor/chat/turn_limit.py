"""How many turns an account may begin a minute, without ever refusing a repetition of one that it may."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from parlor.core.errors import RateLimited
from parlor.core.limits import RateLimits

_Request = tuple[UUID, str]


class TurnLimit:
    """Requests with one idempotency key may come at once: those that the limit refuses wait for one that it took."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._on_their_way: dict[_Request, asyncio.Event] = {}

    async def take(self, account_id: UUID, key: str | None, *, is_free: bool) -> None:
        """Count a turn. Raises `RateLimited`, once nothing with that key is on its way any more: its turn is stored then."""
        if is_free:
            return
        try:
            await self._limits.hit("turns_per_account_per_minute", str(account_id))
        except RateLimited:
            first = None if key is None else self._on_their_way.get((account_id, key))
            if first is not None:
                await first.wait()
            raise

    @contextmanager
    def on_its_way(self, account_id: UUID, key: str | None) -> Generator[None]:
        """Around the work of a request that was taken."""
        if key is None:
            yield
            return
        done = self._on_their_way.setdefault((account_id, key), asyncio.Event())
        try:
            yield
        finally:
            done.set()
            self._on_their_way.pop((account_id, key), None)
