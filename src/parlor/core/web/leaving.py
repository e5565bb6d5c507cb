"""Work that is for the client which waits for it, and for nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive

T = TypeVar("T")

CLIENT_LEFT = 499
"""What the access log says of a request that nobody waited for (after nginx)."""


async def unless_left(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives. When the client goes before, `work` is cancelled where it waits, and the request ends with 499, which nobody reads.

    The body must have been read. `work` runs in this task, so that a context which it opens can be left here.
    """
    deadline, now = asyncio.timeout(None), asyncio.get_running_loop().time
    watcher: asyncio.Task[None] | None = None
    try:
        async with deadline:
            watcher = asyncio.create_task(_watch(request.receive, lambda: deadline.reschedule(now())))
            return await work
    except TimeoutError:
        if not deadline.expired():
            raise
        raise HTTPException(CLIENT_LEFT, "The client has gone.") from None
    finally:
        if watcher is not None:
            watcher.cancel()


async def _watch(receive: Receive, end: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    end()
