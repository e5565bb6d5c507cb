"""Several things at once, as one: the first that fails ends the others, and is what is raised."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_AT_ONCE = 8
"""Of the calls of one answer: what a model asks for in one breath must not open fifty connections."""


async def in_parallel(works: Sequence[Awaitable[T]]) -> list[T]:
    """In the order given."""
    if len(works) == 1:
        return [await works[0]]
    turnstile = asyncio.Semaphore(MOST_AT_ONCE)

    async def enter(work: Awaitable[T]) -> T:
        async with turnstile:
            return await work

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(enter(work)) for work in works]
    except BaseExceptionGroup as failed:
        raise _first(failed) from None
    return [task.result() for task in tasks]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = group.exceptions[0]
    return first
