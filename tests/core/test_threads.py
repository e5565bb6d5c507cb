"""Work in threads: how many there are, whose context it runs in, and what becomes of it when nobody waits or all is closed."""

import asyncio
import contextvars
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from parlor.core.errors import Unavailable
from parlor.core.threads import Threads

CLOSED = "It is closed."


class Gate:
    """Holds whoever passes until it is opened, and counts them."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.names: list[str] = []

    def pass_through(self) -> str:
        self.names.append(threading.current_thread().name)
        self.entered.release()
        assert self.opened.wait(20)
        return threading.current_thread().name

    async def until_entered(self, times: int) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.entered.acquire, timeout=20)


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    threads = Threads(1, name="test-threads", refusal=CLOSED)
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    assert await threads.run(divmod, 9, 2) == (4, 1)
    threads.close()


async def test_work_that_raises_what_no_future_takes_is_an_error_and_not_a_wait_for_ever() -> None:
    threads = Threads(1, name="test-threads", refusal=CLOSED)
    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(next, iter(()))
    threads.close()


async def test_work_runs_in_the_context_of_whoever_asked() -> None:
    asker: contextvars.ContextVar[str] = contextvars.ContextVar("asker", default="nobody")
    threads = Threads(1, name="test-threads", refusal=CLOSED)

    async def ask(name: str) -> str:
        asker.set(name)
        return await threads.run(asker.get)

    assert await asyncio.gather(*[asyncio.create_task(ask(name)) for name in ("ann", "bob")]) == ["ann", "bob"]
    assert await threads.run(asker.get) == "nobody"
    threads.close()


async def test_there_are_no_more_threads_than_are_needed_and_never_more_than_most() -> None:
    threads, gate = Threads(3, name="test-threads", refusal=CLOSED), Gate()
    for _ in range(5):
        await threads.run(int)
    assert _alive("test-threads") == 1, "one after the other needs one"

    calls = [asyncio.create_task(threads.run(gate.pass_through)) for _ in range(7)]
    await gate.until_entered(3)
    assert len(gate.names) == len(set(gate.names)) == 3
    assert _alive("test-threads") == 3
    gate.opened.set()
    assert set(await asyncio.gather(*calls)) == set(gate.names)
    assert len(gate.names) == 7
    threads.close()
    assert _alive("test-threads") == 0


async def test_what_waits_is_done_in_order() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()
    first = asyncio.create_task(threads.run(gate.pass_through))
    await gate.until_entered(1)
    order: list[int] = []
    others = [asyncio.create_task(threads.run(order.append, number)) for number in range(20)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *others)
    assert order == list(range(20))
    threads.close()


async def test_work_whose_caller_left_before_it_began_is_not_done() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()
    first = asyncio.create_task(threads.run(gate.pass_through))
    await gate.until_entered(1)
    done: list[str] = []
    left = asyncio.create_task(threads.run(done.append, "left"))
    stays = asyncio.create_task(threads.run(done.append, "stays"))
    await asyncio.sleep(0)
    left.cancel()
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await left
    await asyncio.gather(first, stays)
    assert done == ["stays"]
    threads.close()


async def test_work_whose_caller_left_meanwhile_does_no_harm() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    left = asyncio.create_task(threads.run(gate.pass_through))
    await gate.until_entered(1)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    gate.opened.set()
    assert await threads.run(divmod, 7, 2) == (3, 1)
    assert failures == []
    threads.close()


async def test_closing_waits_for_what_was_asked_before_and_takes_no_more() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()
    calls = [asyncio.create_task(threads.run(gate.pass_through)) for _ in range(3)]
    await gate.until_entered(1)
    closing = asyncio.create_task(asyncio.to_thread(threads.close))
    late = await _refused(lambda: threads.run(gate.pass_through))
    assert not closing.done()
    gate.opened.set()
    await closing
    assert len(await asyncio.gather(*calls, *late)) == len(gate.names) == 3 + len(late)


async def test_closing_may_drop_what_waits() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()
    running, waiting = [asyncio.create_task(threads.run(gate.pass_through)) for _ in range(2)]
    await gate.until_entered(1)
    closing = asyncio.create_task(asyncio.to_thread(threads.close, drops_waiting=True))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.opened.set()
    await closing
    assert await running == gate.names[0]
    assert len(gate.names) == 1


def test_a_loop_that_ended_meanwhile_does_no_harm() -> None:
    threads, gate = Threads(1, name="test-threads", refusal=CLOSED), Gate()

    async def leave() -> None:
        left = asyncio.create_task(threads.run(gate.pass_through))
        await gate.until_entered(1)
        left.cancel()

    asyncio.run(leave())
    gate.opened.set()

    async def come_back() -> tuple[int, int]:
        return await threads.run(divmod, 7, 2)

    assert asyncio.run(come_back()) == (3, 1)
    threads.close()


async def test_nothing_of_the_last_work_is_kept() -> None:
    class Large:
        pass

    threads, large = Threads(1, name="test-threads", refusal=CLOSED), Large()
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    weakref.finalize(large, loop.call_soon_threadsafe, gone.set)
    await threads.run(id, large)
    del large
    await asyncio.wait_for(gone.wait(), 10)  # the thread lets go of it just after it has handed it out
    threads.close()


def _alive(name: str) -> int:
    return sum(thread.name.startswith(name) for thread in threading.enumerate())


async def _refused(ask: Callable[[], Coroutine[None, None, str]]) -> list[asyncio.Task[str]]:
    """Asks until it is refused. What was taken before that."""
    taken: list[asyncio.Task[str]] = []
    async with asyncio.timeout(20):
        while True:
            task = asyncio.create_task(ask())
            done, _ = await asyncio.wait([task], timeout=0.01)
            if done:
                with pytest.raises(Unavailable, match=CLOSED):
                    await task
                return taken
            taken.append(task)
