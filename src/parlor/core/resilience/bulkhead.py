"""A bulkhead: a neighbour that is slow for everybody takes no more of us than its share."""

import asyncio
from types import TracebackType

from parlor.core.errors import Unavailable


class BulkheadFull(Unavailable):
    """Nothing was sent: as many calls as may be are under way, and none has ended in time."""

    code = "unavailable.bulkhead_full"


class Bulkhead:
    """At most `most` calls at once. The others wait in order, each at most `wait_seconds`.

    async with bulkhead.place():
        ...  # one call
    """

    def __init__(self, name: str, most: int, wait_seconds: float) -> None:
        if most < 1:
            raise ValueError("a bulkhead lets one call through or more")
        self.name = name
        self.most = most
        self._wait_seconds = wait_seconds
        self._free = asyncio.Semaphore(most)
        self.in_use = 0

    def place(self) -> "Place":
        """Around one call. Raises `BulkheadFull` on entering."""
        return Place(self)

    async def take(self) -> None:
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        self.in_use += 1

    def give_back(self) -> None:
        self.in_use -= 1
        self._free.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise BulkheadFull(f"{self.name} is answering as many calls as it may.", retry_after_seconds=2) from None


class Place:
    __slots__ = ("_bulkhead",)

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead

    async def __aenter__(self) -> None:
        await self._bulkhead.take()

    async def __aexit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._bulkhead.give_back()
