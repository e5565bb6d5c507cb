"""What every cache does, in memory and in a real Valkey."""

import asyncio

import pytest

from parlor.core.cache import Cache
from parlor.core.cache.ports import MOST_VALUE_BYTES
from tests.core.cache.conftest import MakeCache

HOUR = 3600.0


async def test_values_come_back_byte_for_byte_in_the_order_of_the_keys(cache: Cache, owner: str) -> None:
    values = {"a": b"\x00\xff", "b": b"", "digits": b"123", "a long text " * 10_000: b"\r\n$5", "\ud800": b"x", "": b"empty"}

    await cache.set_many(owner, values, ttl_seconds=HOUR)

    assert await cache.get_many(owner, ["nothing", *reversed(values), "a"]) == [None, *reversed(values.values()), b"\x00\xff"]
    assert await cache.get_many(owner, []) == []


async def test_owners_do_not_see_one_another(cache: Cache, owner: str) -> None:
    await cache.set_many(owner, {"key": b"mine"}, ttl_seconds=HOUR)

    assert await cache.get_many(f"{owner}x", ["key"]) == [None]


async def test_a_value_is_replaced_and_one_is_over_when_its_time_is(cache: Cache, owner: str) -> None:
    await cache.set_many(owner, {"short": b"old", "long": b"stays"}, ttl_seconds=HOUR)
    await cache.set_many(owner, {"short": b"new"}, ttl_seconds=0.05)
    await cache.set_many(owner, {"never": b"x"}, ttl_seconds=0)

    assert (await cache.get_many(owner, ["long", "never"])) == [b"stays", None]
    async with asyncio.timeout(5):
        while await cache.get_many(owner, ["short"]) != [None]:  # noqa: ASYNC110  # the clock is the only one who knows
            await asyncio.sleep(0.01)
    assert await cache.get_many(owner, ["short", "long"]) == [None, b"stays"]


async def test_hundreds_at_once(cache: Cache, owner: str) -> None:
    values = {str(number): number.to_bytes(4, "big") * 1_500 for number in range(300)}

    await cache.set_many(owner, values, ttl_seconds=HOUR)

    found = await cache.get_many(owner, list(values))
    assert all(value in (None, values[str(number)]) for number, value in enumerate(found))
    assert found[0] is not None, "a slow machine may have given up on the rest"


async def test_what_is_too_large_is_not_kept_and_the_rest_is(cache: Cache, owner: str) -> None:
    await cache.set_many(owner, {"large": b"x" * (MOST_VALUE_BYTES + 1), "largest": b"x" * MOST_VALUE_BYTES, "small": b"x"}, ttl_seconds=HOUR)

    assert [value and len(value) for value in await cache.get_many(owner, ["large", "largest", "small"])] == [None, MOST_VALUE_BYTES, 1]


async def test_one_owner_has_so_many_entries_and_no_more(make_cache: MakeCache, owner: str) -> None:
    cache = make_cache(max_entries_per_owner=3)
    for number in range(10):
        await cache.set_many(owner, {str(number): b"x"}, ttl_seconds=HOUR + number)
    await cache.set_many(f"{owner}x", {"other": b"x"}, ttl_seconds=HOUR)

    assert await cache.get_many(owner, [str(number) for number in range(10)]) == [None] * 7 + [b"x"] * 3
    assert await cache.get_many(f"{owner}x", ["other"]) == [b"x"]


async def test_no_entries_at_all_is_a_cache_that_is_off(make_cache: MakeCache, owner: str) -> None:
    cache = make_cache(max_entries_per_owner=0)
    await cache.set_many(owner, {"key": b"x"}, ttl_seconds=HOUR)

    assert await cache.get_many(owner, ["key"]) == [None]


async def test_who_is_forgotten_leaves_nothing_and_brings_nothing_back(cache: Cache, owner: str) -> None:
    """What was under way when an account was erased ends later, and must not be kept."""
    for each in (owner, f"{owner}x"):
        await cache.set_many(each, {"a": b"1", "b": b"2"}, ttl_seconds=HOUR)

    assert await cache.forget(owner) == 2
    await cache.set_many(owner, {"a": b"1"}, ttl_seconds=HOUR)

    assert await cache.get_many(owner, ["a", "b"]) == [None, None]
    assert await cache.get_many(f"{owner}x", ["a", "b"]) == [b"1", b"2"]
    assert await cache.forget(owner) == 0
    assert await cache.forget("nobody") == 0


@pytest.mark.parametrize("at_once", [20])
async def test_many_write_at_once(cache: Cache, owner: str, at_once: int) -> None:
    await asyncio.gather(*(cache.set_many(owner, {f"{number}": b"%d" % number, "same": b"s"}, ttl_seconds=HOUR) for number in range(at_once)))

    assert await cache.get_many(owner, [*map(str, range(at_once)), "same"]) == [*(b"%d" % number for number in range(at_once)), b"s"]
