"""The cache that replicas share, against a real Valkey that is cut off and comes back."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from parlor.core.cache import CacheSettings, RedisCache
from parlor.core.cache.ports import digest_of
from parlor.core.redis import RedisClient, RedisUnavailable
from parlor.core.redis.client import MOST_SECONDS
from tests.support.proxy import Proxy

HOUR = 3600.0
Connect = Callable[[int], RedisClient]


def cache_at(client: RedisClient) -> RedisCache:
    return RedisCache(client, CacheSettings())


def name_of(owner: str) -> str:
    return f"parlor:cache:{{{digest_of(owner).hex()}}}"


async def test_replicas_share_it_and_what_one_forgets_all_have_forgotten(connect: Connect, proxy: Proxy, owner: str) -> None:
    one, two = (cache_at(connect(proxy.port)) for _ in range(2))
    await one.set_many(owner, {"key": b"x"}, ttl_seconds=HOUR)
    assert await two.get_many(owner, ["key"]) == [b"x"]

    await two.forget(owner)
    await one.set_many(owner, {"key": b"x"}, ttl_seconds=HOUR)

    assert await one.get_many(owner, ["key"]) == [None]


async def test_without_redis_everything_is_a_miss_at_once(connect: Connect, proxy: Proxy, owner: str) -> None:
    cache = cache_at(connect(proxy.port))
    await cache.set_many(owner, {"key": b"x"}, ttl_seconds=HOUR)
    proxy.cut()
    began = time.monotonic()

    for _ in range(20):
        assert await cache.get_many(owner, ["key"] * 500) == [None] * 500
        await cache.set_many(owner, {str(number): b"x" * 10_000 for number in range(500)}, ttl_seconds=HOUR)
    with pytest.raises(RedisUnavailable):
        await cache.forget(owner)

    assert time.monotonic() - began < 1


async def test_one_that_never_answers_is_waited_for_once(connect: Connect, owner: str) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        cache = cache_at(connect(server.sockets[0].getsockname()[1]))
        began = time.monotonic()
        assert await cache.get_many(owner, ["key"] * 500) == [None] * 500
        assert time.monotonic() - began < 2 * MOST_SECONDS


async def test_it_holds_no_text_in_its_names_and_ends_by_itself(connect: Connect, valkey: str, owner: str) -> None:
    client = connect(urlsplit(valkey).port or 0)
    cache = cache_at(client)
    await cache.set_many(owner, {"my secret diary": b"x"}, ttl_seconds=HOUR)
    await cache.forget(f"{owner}x")
    names = await client.call(lambda redis: redis.keys("parlor:cache:*"))
    fields = [field for name in names for field in await _fields(client, name)]

    assert fields
    assert not [each for each in (*names, *fields) if owner.encode() in each or b"diary" in each]
    lifetimes = [await client.call(lambda redis, name=name: redis.pttl(name)) for name in names]
    assert all(0 < each <= 7 * 24 * 3_600_000 for each in lifetimes)


async def _fields(client: RedisClient, name: bytes) -> list[bytes]:
    kind = await client.call(lambda redis: redis.type(name))
    return await client.call(lambda redis: redis.hkeys(name)) if kind == b"hash" else []


async def test_values_that_are_over_leave_room(connect: Connect, valkey: str, owner: str) -> None:
    client = connect(urlsplit(valkey).port or 0)
    cache = cache_at(client)
    await cache.set_many(owner, {"long": b"x"}, ttl_seconds=HOUR)
    await cache.set_many(owner, {str(number): b"x" for number in range(50)}, ttl_seconds=0.01)
    async with asyncio.timeout(5):
        while await cache.get_many(owner, ["0"]) != [None]:  # noqa: ASYNC110  # the clock is the only one who knows
            await asyncio.sleep(0.01)

    await cache.set_many(owner, {"new": b"x"}, ttl_seconds=HOUR)

    assert await client.call(lambda redis: redis.hlen(name_of(owner))) == 2


@pytest.mark.parametrize("ending", ["", ":ends"])
async def test_one_half_of_it_that_redis_threw_out_makes_it_begin_anew(connect: Connect, valkey: str, owner: str, ending: str) -> None:
    client = connect(urlsplit(valkey).port or 0)
    cache = cache_at(client)
    await cache.set_many(owner, {str(number): b"x" for number in range(50)}, ttl_seconds=HOUR)
    assert await client.call(lambda redis: redis.delete(name_of(owner) + ending)) == 1

    await cache.set_many(owner, {"new": b"x"}, ttl_seconds=HOUR)

    assert await cache.get_many(owner, ["0", "new"]) == [None, b"x"]
    assert await cache.forget(owner) == 1
