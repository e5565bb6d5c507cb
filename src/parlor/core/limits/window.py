"""Counting in this process, exactly: at most so many within any window, not so many per minute of the clock."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_KEYS = 100_000
"""Keys that one limit remembers. Beyond it the one that was quiet for longest is forgotten."""


class Window:
    """At most `amount` hits of one key within any `seconds`.

    Keys lie in the order of their last hit, so that each hit can throw a few out at one end whose window is over: nothing ever walks over all of them.
    """

    def __init__(self, amount: int, seconds: float, now: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS) -> None:
        self.amount = amount
        self.seconds = seconds
        self._now = now
        self._most_keys = most_keys
        self._hits: OrderedDict[bytes, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def wait_seconds(self, key: bytes) -> float:
        """Until a hit would be taken; 0 now."""
        hits = self._hits.get(key)
        if hits is None or len(hits) < self.amount:
            return 0.0
        return max(0.0, hits[0] + self.seconds - self._now())

    def hit(self, key: bytes) -> float:
        """Take a hit, or say in how many seconds one would be taken. One that is refused does not count."""
        if wait := self.wait_seconds(key):
            return wait
        self.record(key)
        return 0.0

    def record(self, key: bytes) -> None:
        """A hit that somebody else took already."""
        now = self._now()
        hits = self._hits.get(key)
        if hits is None:
            hits = self._hits[key] = deque(maxlen=self.amount)
        hits.append(now)
        self._hits.move_to_end(key)
        self._forget(now)

    def _forget(self, now: float) -> None:
        for _ in range(2):
            quietest = next(iter(self._hits))
            if len(self._hits) <= self._most_keys and self._hits[quietest][-1] + self.seconds > now:
                return
            del self._hits[quietest]
            if not self._hits:
                return
