"""Whose question it is. Where a server asks over a pipe that all calls share, nothing on the wire says for which call: it is found by elimination.

A call whose question waits cannot end, so once all the others have ended it is the one that is left. From then on the connection takes one call at a time.
Two calls that wait for two questions cannot be told apart: both questions are answered with `cancel`, and both calls are run again, one after the other.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.exchange import Exchange, current


class Calls:
    """The tool calls under way over one connection."""

    def __init__(self, opening: Exchange) -> None:
        self._opening = opening
        self._under_way = set[Exchange]()
        self._questions = 0
        self._is_asking_server = False
        self._alone = asyncio.Lock()
        self._moved = asyncio.Event()

    def __len__(self) -> int:
        return len(self._under_way)

    @asynccontextmanager
    async def place(self, exchange: Exchange) -> AsyncGenerator[None]:
        """Around one call. Raises ToolError when its turn does not come in time."""
        is_alone = self._is_asking_server
        if is_alone:
            await self._wait_for_turn(exchange)
        self._under_way.add(exchange)
        try:
            yield
        finally:
            self._under_way.discard(exchange)
            self._move()
            if is_alone:
                self._alone.release()

    async def whose(self) -> Exchange | None:
        """The call that a question which has just arrived belongs to; None when that cannot be known, or it belongs to none."""
        exchange = current.get()
        if exchange is not self._opening:
            return exchange if exchange in self._under_way else None
        self._is_asking_server = True
        self._questions += 1
        self._move()
        try:
            while len(self._under_way) > self._questions:
                await self._next_move()
            if self._questions == 1:
                return next(iter(self._under_way), None)
            for each in self._under_way:
                each.must_repeat = True
            return None
        finally:
            self._questions -= 1

    async def _wait_for_turn(self, exchange: Exchange) -> None:
        try:
            async with asyncio.timeout_at(exchange.deadline):
                await self._alone.acquire()
        except TimeoutError:
            raise ToolError(f"The server {exchange.spec.name} was busy with other calls all the time.") from None
        try:
            async with asyncio.timeout_at(exchange.deadline):
                while self._under_way:  # those that began before the server was known to ask
                    await self._next_move()
        except BaseException as error:
            self._alone.release()
            if isinstance(error, TimeoutError):
                raise ToolError(f"The server {exchange.spec.name} was busy with other calls all the time.") from None
            raise

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _next_move(self) -> None:
        await self._moved.wait()
