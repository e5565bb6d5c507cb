"""The cache of one process: how much it holds, and when that goes."""

import asyncio

from parlor.core.cache import CacheSettings, MemoryCache

HOUR = 3600.0


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_the_eldest_unused_goes_when_there_is_no_room() -> None:
    cache = MemoryCache(CacheSettings(max_bytes=10_000))
    for number in range(100):
        await cache.set_many(f"owner {number}", {"key": b"x" * 1000}, ttl_seconds=HOUR)
        await cache.get_many("owner 0", ["key"])

    assert 2 < len(cache) < 10
    assert cache.size_bytes <= 10_000
    assert await cache.get_many("owner 0", ["key"]) == [b"x" * 1000], "it was asked for again and again"
    assert await cache.get_many("owner 1", ["key"]) == [None]
    cache.close()


async def test_no_bytes_at_all_is_a_cache_that_is_off() -> None:
    cache = MemoryCache(CacheSettings(max_bytes=0))
    await cache.set_many("owner", {"key": b""}, ttl_seconds=HOUR)

    assert (len(cache), cache.size_bytes) == (0, 0)
    cache.close()


async def test_what_is_over_goes_by_itself() -> None:
    cache = MemoryCache(CacheSettings())
    await cache.set_many("owner", {"key": b"x"}, ttl_seconds=0.01)

    assert len(cache) == 1
    async with asyncio.timeout(5):
        while len(cache):  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0.05)
    assert cache.size_bytes == 0
    cache.close()


async def test_nothing_is_kept_longer_than_this_process_may() -> None:
    time = Time()
    cache = MemoryCache(CacheSettings(), longest_seconds=25, monotonic=time)
    await cache.set_many("owner", {"key": b"x"}, ttl_seconds=HOUR)
    time.now += 24
    assert await cache.get_many("owner", ["key"]) == [b"x"]
    time.now += 1
    assert await cache.get_many("owner", ["key"]) == [None]
    cache.close()


async def test_replacing_the_same_value_for_ever_takes_no_more_room() -> None:
    time = Time()
    cache = MemoryCache(CacheSettings(), monotonic=time)
    for number in range(5_000):
        await cache.set_many("owner", {"key": b"%d" % number}, ttl_seconds=HOUR)

    assert len(cache) == 1
    assert len(cache._ends) < 200
    time.now += HOUR
    await cache.set_many("other", {"key": b"x"}, ttl_seconds=HOUR)
    assert len(cache) == 1
    cache.close()


async def test_an_owner_who_was_forgotten_may_cache_again_after_an_hour() -> None:
    time = Time()
    cache = MemoryCache(CacheSettings(), monotonic=time)
    await cache.forget("owner")
    await cache.set_many("owner", {"key": b"x"}, ttl_seconds=HOUR)
    assert len(cache) == 0
    time.now += HOUR
    await cache.set_many("owner", {"key": b"x"}, ttl_seconds=HOUR)
    assert len(cache) == 1
    cache.close()
