"""An erased account leaves nothing in a cache, whoever keeps it and whatever is down at that moment."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from parlor.accounts import Application, SignUp
from parlor.accounts.erasure import Erasure
from parlor.core.cache import Cache, MemoryCache, RedisCache
from parlor.core.db import Database
from parlor.core.jobs import JobRunner
from parlor.testing import OpenHouse
from tests.support.proxy import Proxy

HOUR = 3600.0
CHEAP: dict[str, Any] = {"auth.argon2_memory_kib": 8, "auth.argon2_time_cost": 1}


async def erased_with_something_cached(container: Any, *, proxy: Proxy | None = None) -> str:
    """Its id."""
    account = await (await container.get(SignUp)).create(Application(email="ann@example.com", password="a quiet river in may"))
    cache = await container.get(Cache)
    await cache.set_many(str(account.id), {"key": b"x"}, ttl_seconds=HOUR)
    assert await cache.get_many(str(account.id), ["key"]) == [b"x"]
    if proxy is not None:
        proxy.cut()
    receipt = await (await container.get(Erasure)).erase(account.id)
    assert receipt.erased_at is not None
    return str(account.id)


@pytest.mark.parametrize("with_redis", [False, True])
async def test_an_erasure_forgets_what_is_cached(parlor_house: OpenHouse, valkey: str, with_redis: bool) -> None:
    async with parlor_house(settings=CHEAP | ({"redis.url": valkey} if with_redis else {})) as container:
        cache = await container.get(Cache)
        owner = await erased_with_something_cached(container)

        assert isinstance(cache, RedisCache if with_redis else MemoryCache)
        assert await cache.get_many(owner, ["key"]) == [None]


async def test_a_redis_that_is_away_holds_up_no_erasure_and_forgets_when_it_is_back(parlor_house: OpenHouse, proxy: Proxy, valkey: str) -> None:
    async with parlor_house(settings=CHEAP | {"redis.url": f"redis://127.0.0.1:{proxy.port}/0"}) as container:
        owner = await erased_with_something_cached(container, proxy=proxy)
        proxy.mend()
        async with parlor_house(settings=CHEAP | {"redis.url": f"redis://127.0.0.1:{urlsplit(valkey).port}/0"}) as other:
            there = await other.get(Cache)
            assert await there.get_many(owner, ["key"]) == [b"x"]
            await (await other.get(JobRunner)).drain()
            assert await there.get_many(owner, ["key"]) == [None]


async def test_processes_that_nobody_tells_keep_nothing_for_long(parlor_house: OpenHouse, database_url: str, engine: str) -> None:
    """Two servers on one Postgres and no Redis."""
    async with parlor_house(settings=CHEAP | {"database.url": database_url}) as container:
        cache = await container.get(Cache)
        await container.get(Database)
        assert isinstance(cache, MemoryCache)
        await cache.set_many("owner", {"key": b"x"}, ttl_seconds=HOUR)
        lifetime = cache._entries[next(iter(cache._entries))].expires_at - cache._monotonic()
        assert lifetime <= (25 if engine == "postgres" else HOUR)
        assert lifetime > 20
