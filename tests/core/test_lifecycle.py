import asyncio
import signal
import threading
from collections.abc import Sequence

import pytest

from parlor.core.lifecycle import Shutdown, StartupNotices


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_the_end_and_does_what_it_did_before(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda each, _: heard.append(each))
    try:
        shutdown = Shutdown()
        with shutdown.on_signals():
            signal.raise_signal(number)
            await asyncio.wait_for(shutdown.requested.wait(), 10)
        assert heard == [number]
        signal.raise_signal(number)
        assert heard == [number, number]
    finally:
        signal.signal(number, before)


async def test_a_signal_that_was_ignored_stays_without_effect_on_the_process() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        shutdown = Shutdown()
        with shutdown.on_signals():
            signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(shutdown.requested.wait(), 10)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_nothing_is_installed() -> None:
    installed = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    async def look() -> None:
        with Shutdown().on_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(10)
    assert seen == [installed]


async def test_notices_come_in_the_order_in_which_rooms_added_them() -> None:
    async def first(address: str) -> Sequence[str]:
        return [f"first at {address}"]

    async def second(address: str) -> Sequence[str]:
        return []

    empty = StartupNotices()
    notices = empty.adding(first).adding(second)
    assert await notices.lines("http://x") == ["first at http://x"]
    assert await empty.lines("http://x") == []
