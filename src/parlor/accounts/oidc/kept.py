"""A value from far away that is kept: one fetch at a time, and an old value rather than none while the other side is down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from parlor.accounts.errors import ProviderUnavailable
from parlor.core.errors import Unavailable

T = TypeVar("T")


class Kept(Generic[T]):
    """`load` is asked again after `fresh_seconds`, or when somebody misses something in the value (`renewed`), but never twice within `pause_seconds`.

    While it raises `Unavailable` the last value serves on, until it is `stale_seconds` old: keys that an issuer has taken back must not count for ever.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[T]],
        *,
        fresh_seconds: float = 3600,
        stale_seconds: float = 24 * 3600,
        pause_seconds: float = 5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = stale_seconds
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._loaded_at: float | None = None
        self._tried_at: float | None = None
        self._tries = 0
        self._failure: Unavailable | None = None

    @property
    def age_seconds(self) -> float | None:
        """None while there is no value."""
        return None if self._loaded_at is None else self._monotonic() - self._loaded_at

    async def get(self) -> T:
        """Raises `ProviderUnavailable`."""
        if self._is_younger_than(self._fresh_seconds):
            return self._known()
        await self._try()
        if self._is_younger_than(self._stale_seconds):
            return self._known()
        raise self._refusal()

    async def renewed(self) -> T:
        """A value that was asked for just now, or within the pause. Raises `ProviderUnavailable` when that failed, whatever is known from before."""
        await self._try()
        if self._failure is not None:
            raise self._refusal()
        return self._known()

    async def _try(self) -> None:
        """Those who come while somebody tries share that try's outcome."""
        seen = self._tries
        if self._is_in_pause():
            return
        async with self._lock:
            if self._tries != seen:
                return
            try:
                self._value = await self._load()
            except Unavailable as error:
                self._failure = error
            else:
                self._failure, self._loaded_at = None, self._monotonic()
            self._tried_at, self._tries = self._monotonic(), self._tries + 1

    def _is_in_pause(self) -> bool:
        return not self._lock.locked() and self._tried_at is not None and self._monotonic() - self._tried_at < self._pause_seconds

    def _is_younger_than(self, seconds: float) -> bool:
        return (age := self.age_seconds) is not None and age < seconds

    def _known(self) -> T:
        assert self._value is not None, "it was loaded"
        return self._value

    def _refusal(self) -> ProviderUnavailable:
        """A new one each time: an exception that is raised again and again drags all its tracebacks along."""
        said = self._failure.facts.get("retry_after_seconds") if self._failure is not None else None
        return ProviderUnavailable(retry_after_seconds=said or self._pause_seconds)
