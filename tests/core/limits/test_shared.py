"""Limits over several replicas: one real Valkey, two replicas, and what holds while it is gone (SEC-43)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from parlor.core.errors import RateLimited
from parlor.core.ids import new_id
from parlor.core.limits import LimitSettings, RateLimits
from parlor.core.limits.redis_windows import RedisWindows
from parlor.core.redis import RedisClient
from parlor.core.redis.client import MOST_SECONDS
from parlor.core.redis_settings import RedisSettings
from tests.support.proxy import Proxy, tcp_proxy

LOGINS = "logins_per_address_per_minute"
SETTINGS = LimitSettings(logins_per_address_per_minute=10)


@pytest.fixture
async def proxy(valkey: str) -> AsyncIterator[Proxy]:
    parts = urlsplit(valkey)
    async with tcp_proxy(parts.hostname or "", parts.port or 0) as proxy:
        yield proxy


@pytest.fixture
async def replicas(proxy: Proxy) -> AsyncIterator[tuple[RateLimits, RateLimits]]:
    async with _replicas(proxy, MOST_SECONDS) as both:
        yield both


@asynccontextmanager
async def _replicas(proxy: Proxy, most_seconds: float) -> AsyncGenerator[tuple[RateLimits, RateLimits]]:
    settings = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{proxy.port}/0"))
    clients = [RedisClient(settings, most_seconds=most_seconds) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for client in clients:
            stack.push_async_callback(client.aclose)
        one, two = (RateLimits(SETTINGS, RedisWindows(client)) for client in clients)
        yield one, two


@pytest.fixture
def key() -> str:
    return str(new_id())


async def taken(limits: RateLimits, key: str, tries: int) -> int:
    """How many of so many tries at once are taken."""
    results = await asyncio.gather(*(limits.hit(LOGINS, key) for _ in range(tries)), return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), RateLimited}
    return results.count(None)


async def test_replicas_count_together(proxy: Proxy, key: str) -> None:
    """With time for Redis to answer forty at once on a busy machine: who is not answered counts alone."""
    async with _replicas(proxy, 10) as replicas:
        counts = await asyncio.gather(*(taken(each, key, 20) for each in replicas))
        assert sum(counts) == 10
        for each in replicas:
            with pytest.raises(RateLimited) as refused:
                await each.check(LOGINS, key)
            assert 50 < refused.value.facts["retry_after_seconds"] <= 60
            await each.check(LOGINS, f"another than {key}")


async def test_looking_counts_nothing(replicas: tuple[RateLimits, RateLimits], key: str) -> None:
    for _ in range(30):
        await replicas[0].check(LOGINS, key)
    assert await taken(replicas[1], key, 20) == 10


async def test_without_redis_each_replica_limits_by_itself_at_once(replicas: tuple[RateLimits, RateLimits], proxy: Proxy, key: str) -> None:
    one, two = replicas
    assert await taken(one, key, 4) == 4
    proxy.cut()
    assert await taken(one, key, 50) == 6, "what it had counted before still counts"
    assert await taken(two, key, 50) == 10
    for each in replicas:
        with pytest.raises(RateLimited):
            await each.check(LOGINS, key)


async def test_what_was_counted_without_redis_still_counts_when_it_is_back(replicas: tuple[RateLimits, RateLimits], proxy: Proxy, key: str) -> None:
    one, _ = replicas
    proxy.cut()
    assert await taken(one, key, 50) == 10
    proxy.mend()
    assert await taken(one, key, 5) == 0


async def test_it_never_was_there(key: str) -> None:
    client = RedisClient(RedisSettings(url=SecretStr("redis://127.0.0.1:1/0")))
    assert await taken(RateLimits(SETTINGS, RedisWindows(client)), key, 50) == 10
    await client.aclose()


async def test_redis_holds_neither_addresses_nor_logins(valkey: str, replicas: tuple[RateLimits, RateLimits], key: str) -> None:
    await replicas[0].hit("failed_logins_per_account_per_minute", f"{key}@example.com")
    client = RedisClient(RedisSettings(url=SecretStr(valkey)))
    keys = await client.call(lambda redis: redis.keys("parlor:limits:*"))
    lifetimes = [await client.call(lambda redis, each=each: redis.pttl(each)) for each in keys]
    assert keys
    assert not [each for each in keys if key.encode() in each]
    assert all(0 < each <= 3_600_000 for each in lifetimes)
    await client.aclose()
