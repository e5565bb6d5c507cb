"""Progress of a call in the log of its turn: as often as a person can see, however often the tool tells."""

import asyncio
from collections.abc import Callable

from parlor.tools.ports import Progress
from parlor.turns import LogEvent, RunningTurn, ToolProgress

LEAST_SECONDS = 0.2
"""Between two events of one call. The last one before the result may so be left out: the result says more."""
MOST_EVENTS = 500
"""Of one call: the log is kept."""
MOST_CHARS = 500


class ProgressLog:
    __slots__ = ("_call_id", "_left", "_next_at", "_running", "_tell")

    def __init__(self, running: RunningTurn, tell: Callable[[LogEvent], None], call_id: str) -> None:
        self._running = running
        self._tell = tell
        self._call_id = call_id
        self._left = MOST_EVENTS
        self._next_at = 0.0

    def __call__(self, progress: Progress) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next_at or not self._left or self._running.is_ending:
            return
        self._next_at, self._left = now + LEAST_SECONDS, self._left - 1
        message = None if progress.message is None else progress.message.replace("\x00", "")[:MOST_CHARS]
        self._tell(ToolProgress(self._call_id, progress.done, progress.total, message))
