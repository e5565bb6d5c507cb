"""Threads for what graphs do in threads: nodes and tools that are plain functions.

LangGraph takes them from the pool that asyncio has for everybody, looking up addresses among it. A function that never returns keeps its thread for good, so
a few such would hold up all that the server does. Here each of a graph's calls gets a thread of its own, which the end of the process does not wait for.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from parlor.agents.langgraph.current import is_inside

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS = 256
"""Of graphs at once in a process, those that never come back included."""


class Crowded(RuntimeError):
    """So many functions of graphs run or hang that no further one is begun. Ends the turn that wanted it."""


class GraphWorkers(ThreadPoolExecutor):
    """asyncio's own pool for everybody else."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        super().__init__(thread_name_prefix="asyncio")
        self._most = most
        self._places = threading.BoundedSemaphore(most)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if not is_inside():
            return super().submit(fn, *args, **kwargs)
        if not self._places.acquire(blocking=False):
            raise Crowded(f"{self._most} functions of graphs are running or hang")
        future: Future[T] = Future()
        threading.Thread(target=self._work, args=(future, lambda: fn(*args, **kwargs)), name="graph", daemon=True).start()
        return future

    def _work(self, future: Future[T], fn: Callable[[], T]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(fn())
        except BaseException as error:  # whoever waits for it gets it, as from any pool
            future.set_exception(error)
        finally:
            self._places.release()


def use_graph_workers() -> None:
    """On the running loop, from now on."""
    asyncio.get_running_loop().set_default_executor(GraphWorkers())
