"""Counting that replicas share."""

from typing import Protocol


class SharedWindows(Protocol):
    async def wait_seconds(self, name: str, key: bytes, amount: int, seconds: float, *, counts: bool) -> float | None:
        """In how many seconds a hit would be taken, 0 for now; with `counts` it is, then. None when nobody answers.

        Never raises, and never keeps anybody waiting.
        """
        ...
