"""The end of the process as something one can wait for, and what the start says to the person at the terminal."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import msgspec
from msgspec.structs import replace

GRACE_SECONDS = 25.0
"""How long running work may go on after the process was asked to end."""


class Shutdown:
    """`requested` is set the moment the process is asked to end, before any connection is closed: running turns drain from here on."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()

    def request(self) -> None:
        """Asking twice is fine. Must run on the event loop."""
        self.requested.set()

    @contextmanager
    def on_signals(self) -> Generator[None]:
        """Within, SIGTERM and SIGINT set `requested` and then do what they did before. Outside the main thread nothing is installed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.request)
            _pass_on(before[signal.Signals(number)], number, frame)

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                if signal.getsignal(number) is handle:
                    signal.signal(number, handler)


def _pass_on(handler: Any, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
    elif handler == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


Lines = Callable[[str], Awaitable[Sequence[str]]]
"""From the address that the server answers at (`http://127.0.0.1:8000`) to the lines to print."""


class StartupNotices(msgspec.Struct, frozen=True):
    """What `parlor serve` prints below its address. A room adds to it in its provider, by decorating this value.

        @decorate
        def notices(self, notices: StartupNotices, links: SetupLinks) -> StartupNotices:
            return notices.adding(links.lines_at_start)

    Each source is asked once, when the address is known.
    """

    sources: tuple[Lines, ...] = ()

    def adding(self, lines: Lines) -> "StartupNotices":
        return replace(self, sources=(*self.sources, lines))

    async def lines(self, address: str) -> list[str]:
        return [line for source in self.sources for line in await source(address)]


class Residents(msgspec.Struct, frozen=True):
    """What a server does for as long as it runs, beside answering requests and running jobs: in each process its own. A room adds to it as to the notices.

    Each begins when the server has said where it is, and is cancelled at its end.
    """

    works: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = ()

    def adding(self, name: str, work: Callable[[], Awaitable[None]]) -> "Residents":
        return replace(self, works=(*self.works, (name, work)))
