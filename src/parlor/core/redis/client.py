"""The connection to Redis: bounded, and left alone for a moment after it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from parlor.core.errors import Unavailable
from parlor.core.log import get_logger
from parlor.core.redis_settings import RedisSettings
from parlor.core.resilience import CircuitBreaker, CircuitOpen

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

MOST_SECONDS = 0.25
"""How long anybody ever waits for Redis, connecting included."""

OPEN_SECONDS = 5.0
"""How long it is left alone after a failure: meanwhile nobody waits at all."""

_CONNECTIONS = 32

log = get_logger("parlor.redis")


class RedisUnavailable(Unavailable):
    """It did not answer in time, or a moment ago. Whoever asked goes on without it."""

    code = "unavailable.redis"
    detail = "Redis does not answer."


class RedisClient:
    """Connects at the first call, and again after an outage. For one event loop; the library is loaded only when an address is set.

    `most_seconds` is how long a call waits: the house's own limit, which tests of what Redis answers must not depend on.
    """

    def __init__(self, settings: RedisSettings, *, most_seconds: float = MOST_SECONDS) -> None:
        self._url = settings.url
        self._most_seconds = most_seconds
        self._breaker = CircuitBreaker("Redis", failures=1, open_seconds=OPEN_SECONDS, counts=RedisUnavailable)
        self._redis: Redis | None = None
        self._is_down = False

    @property
    def is_configured(self) -> bool:
        return self._url is not None

    async def call(self, work: Callable[["Redis"], Awaitable[T]]) -> T:
        """One short exchange. Raises `RedisUnavailable`, at once for a few seconds after a failure."""
        try:
            async with self._breaker.attempt():
                return await self._bounded(work)
        except CircuitOpen as error:
            raise RedisUnavailable from error

    async def ping(self) -> None:
        """Asks it whatever has happened before: for health. Raises `RedisUnavailable`."""
        await self._bounded(lambda redis: redis.ping())  # pyright: ignore[reportUnknownMemberType]  # its **kwargs have no type

    async def aclose(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _bounded(self, work: Callable[["Redis"], Awaitable[T]]) -> T:
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(self._most_seconds):
                result = await work(self._connected())
        except (RedisError, OSError, TimeoutError) as error:
            self._note(error)
            raise RedisUnavailable(f"Redis does not answer ({type(error).__name__}).") from error
        self._note(None)
        return result

    def _note(self, error: Exception | None) -> None:
        """One line when it goes, and one when it is back. The text of the library's errors may hold the address with its password."""
        if (error is not None) == self._is_down:
            return
        self._is_down = error is not None
        if error is not None:
            log.warning("Redis does not answer: this process goes on by itself", error=type(error).__name__)
        else:
            log.info("Redis answers again")

    def _connected(self) -> "Redis":
        if self._redis is None:
            self._redis = self._connect()
        return self._redis

    def _connect(self) -> "Redis":
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        assert self._url is not None, "ask is_configured first"
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]  # its **kwargs have no type
            self._url.get_secret_value(),
            max_connections=_CONNECTIONS,
            timeout=self._most_seconds,
            socket_timeout=self._most_seconds,
            socket_connect_timeout=self._most_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        return Redis.from_pool(pool)
