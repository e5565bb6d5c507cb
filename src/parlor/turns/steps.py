"""Tool calls as rows: started before the tool is run (T2a), ended after it (T2b)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import structlog

from parlor.core.db import Database, Transaction
from parlor.core.errors import StorageFull, Unavailable
from parlor.core.events import Event, Events
from parlor.core.ids import new_id
from parlor.turns import queries
from parlor.turns.errors import Fenced
from parlor.turns.running import RunningTurn

T = TypeVar("T")

logger = structlog.get_logger("parlor.turns")

RESULT_SECONDS = 30.0
"""How long a tool's result is kept in memory for a database that does not take it."""


class StepBook:
    def __init__(self, db: Database, events: Events) -> None:
        self._db = db
        self._events = events

    async def start(self, running: RunningTurn, *, call_id: str, tool: str, arguments: Any) -> UUID:
        """T2a. Only once this is committed may the tool be run. Raises Fenced when the turn is no longer ours.

        The log goes along, with the usage of the step that asked for the tool: a crash while the tool runs must not make that step free.
        """
        step_id, turn_id, epoch, unsaved = new_id(), running.turn.id, running.epoch, running.unsaved()

        def start(tx: Transaction) -> bool:
            if not queries.start_step(tx, step_id=step_id, turn_id=turn_id, epoch=epoch, call_id=call_id, tool=tool, arguments=arguments):
                return False
            queries.save_segment(tx, turn_id, unsaved)
            return True

        if not await self._db.write(start):
            raise Fenced()
        running.stored(unsaved)
        return step_id

    async def end(self, step_id: UUID, *, result: Any = None, error: str | None = None, event: Event | None = None) -> None:
        """T2b, tried again for a while: what the tool has done cannot be done again. `event` is recorded along with it.

        Raises Unavailable or StorageFull when the while is over.
        """
        state, outcome = ("done", {"result": result}) if error is None else ("failed", {"error": error})

        def end(tx: Transaction) -> None:
            queries.end_step(tx, step_id, state=state, outcome=outcome)
            if event is not None:
                self._events.record(tx, event)

        await self._patiently(end)

    async def asked(self, step_id: UUID) -> None:
        """The tool needs a person first and has done nothing: the call is made again, as a step of its own, once there is an answer."""
        await self._patiently(lambda tx: queries.end_step(tx, step_id, state="asked", outcome=None))

    async def _patiently(self, fn: Callable[[Transaction], T]) -> T:
        give_up_at, pause_seconds = time.monotonic() + RESULT_SECONDS, 0.1
        while True:
            try:
                return await self._db.write(fn)
            except (Unavailable, StorageFull) as error:
                if time.monotonic() + pause_seconds > give_up_at:
                    raise
                logger.warning("turn.result_not_stored", error=error.code)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, 2)
