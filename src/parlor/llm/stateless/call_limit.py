"""How many stateless calls an account may make: counted with its turns by the minute, and on their own at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from parlor.core.limits import RateLimits
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.errors import TooManyCalls

_RETRY_SECONDS = 5


class CallLimit:
    """One a process."""

    def __init__(self, limits: RateLimits, settings: LlmSettings) -> None:
        self._limits = limits
        self._most = settings.stateless.per_account_most
        self._at_work: dict[UUID, int] = {}

    @asynccontextmanager
    async def one(self, account_id: UUID) -> AsyncGenerator[None]:
        """Around a call. Raises TooManyCalls and RateLimited."""
        at_work = self._at_work.get(account_id, 0)
        if at_work >= self._most:
            raise TooManyCalls(retry_after_seconds=_RETRY_SECONDS)
        self._at_work[account_id] = at_work + 1
        try:
            await self._limits.hit("turns_per_account_per_minute", str(account_id))
            yield
        finally:
            self._at_work[account_id] -= 1
            if not self._at_work[account_id]:
                del self._at_work[account_id]
