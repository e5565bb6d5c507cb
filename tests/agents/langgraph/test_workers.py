"""Threads of graphs are their own: as many as there may be, and none of everybody's."""

import asyncio
import threading
from typing import Any, cast

import pytest

from parlor.agents.langgraph.current import entered
from parlor.agents.langgraph.workers import Crowded, GraphWorkers


async def test_graphs_have_threads_of_their_own_and_only_so_many() -> None:
    workers, gate = GraphWorkers(most=2), threading.Event()
    asyncio.get_running_loop().set_default_executor(workers)
    with entered(cast("Any", object())):
        blocked = [asyncio.create_task(asyncio.to_thread(gate.wait, 30)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Crowded, match="2 functions of graphs"):
            await asyncio.to_thread(lambda: None)
    assert await asyncio.to_thread(lambda: threading.current_thread().name.startswith("asyncio"))
    gate.set()
    assert await asyncio.gather(*blocked) == [True, True]
    with entered(cast("Any", object())):
        assert await asyncio.to_thread(lambda: threading.current_thread().daemon)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
