"""Work in threads, handed back to the event loop that waits for it.

A pool of the standard library makes two futures, a condition and some 75 calls for each piece of work, which is more than many of ours take themselves.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar, cast

from parlor.core.errors import Unavailable

T = TypeVar("T")
Arguments = ParamSpec("Arguments")


class Pending:
    """Something that a thread does, and the future of the loop that waits for it. What is done runs in the context of whoever asked."""

    __slots__ = ("context", "error", "future", "loop", "result")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.context = contextvars.copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def hand_out(self) -> None:
        """On the loop."""
        if self.future.done():  # nobody waits any more
            return
        if isinstance(self.error, StopIteration):  # no future takes one, and whoever waits would wait for ever
            self.future.set_exception(RuntimeError("the work raised StopIteration").with_traceback(self.error.__traceback__))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def hand_out(loop: asyncio.AbstractEventLoop, done: Sequence[Pending]) -> None:
    """From a thread: one wake-up of the loop for all of them."""

    def on_loop() -> None:
        for each in done:
            each.hand_out()

    _wake(loop, done[0].hand_out if len(done) == 1 else on_loop)


def _wake(loop: asyncio.AbstractEventLoop, fn: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(fn)
    except RuntimeError:  # the loop is closed: nobody waits any more, and what was done stays done
        return


class _Call(Pending):
    __slots__ = ("args", "fn", "named")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
        super().__init__()
        self.fn = fn
        self.args = args
        self.named = named

    def run(self) -> None:
        if self.future.cancelled():
            return
        try:
            self.result = self.context.run(self.fn, *self.args, **self.named)
        except BaseException as error:
            self.error = error


class Threads:
    """At most `most` threads, each started when all others are busy. What comes while they all are waits its turn, in order.

    `refusal` is what is raised, as `Unavailable`, once it is closed.
    """

    def __init__(self, most: int, *, name: str, refusal: str) -> None:
        self._most = most
        self._name = name
        self._refusal = refusal
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._door = threading.Lock()
        self._is_closed = False

    async def run(self, fn: Callable[Arguments, T], /, *args: Arguments.args, **named: Arguments.kwargs) -> T:
        """What `fn` gives or raises. When the caller is cancelled before a thread has taken it, it does not run at all."""
        call = _Call(fn, args, named)
        with self._door:
            if self._is_closed:
                raise Unavailable(self._refusal)
            self._unfinished += 1
            self._calls.put(call)
            if self._unfinished > len(self._threads) < self._most:
                self._start_another()
        return cast("T", await call.future)

    def close(self, *, drops_waiting: bool = False) -> None:
        """Returns when all threads have ended. What waits is still done, or with `drops_waiting` its callers are cancelled."""
        with self._door:
            self._is_closed = True
            if drops_waiting:
                self._drop_waiting()
            for _ in self._threads:
                self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _start_another(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            with self._door:
                self._unfinished -= 1
            _wake(call.loop, call.hand_out)
            del call  # or it, and what it holds, would live on until the next one comes

    def _drop_waiting(self) -> None:
        try:
            while (call := self._calls.get_nowait()) is not None:
                _wake(call.loop, call.future.cancel)
        except Empty:
            return
