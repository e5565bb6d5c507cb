"""No more calls at once than there are places, in order, and nobody waits for ever."""

import asyncio
from contextlib import suppress

import pytest

from parlor.core.resilience import Bulkhead, BulkheadFull


async def test_further_calls_wait_for_a_place_and_get_it_in_order() -> None:
    bulkhead = Bulkhead("the neighbour", 2, wait_seconds=10)
    began, ends = list[int](), [asyncio.Event() for _ in range(4)]

    async def call(number: int) -> None:
        async with bulkhead.place():
            began.append(number)
            await ends[number].wait()

    calls = [asyncio.create_task(call(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert (began, bulkhead.in_use) == ([0, 1], 2)
    for number in range(4):
        ends[number].set()
        await calls[number]
    assert (began, bulkhead.in_use) == ([0, 1, 2, 3], 0)


async def test_who_finds_no_place_in_time_is_told_and_takes_none() -> None:
    bulkhead = Bulkhead("the neighbour", 1, wait_seconds=0.01)
    async with bulkhead.place():
        with pytest.raises(BulkheadFull) as raised:
            async with bulkhead.place():
                pass
        assert raised.value.facts["retry_after_seconds"] > 0
        assert bulkhead.in_use == 1
    async with bulkhead.place():
        assert bulkhead.in_use == 1


async def test_a_place_is_free_again_after_an_error_and_after_a_wait_that_was_cancelled() -> None:
    bulkhead = Bulkhead("the neighbour", 1, wait_seconds=10)

    async def wait() -> None:
        async with bulkhead.place():
            pass

    async with bulkhead.place():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    with suppress(KeyError):
        async with bulkhead.place():
            raise KeyError
    async with bulkhead.place():
        assert bulkhead.in_use == 1


def test_a_bulkhead_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="one call"):
        Bulkhead("the neighbour", 0, wait_seconds=1)
