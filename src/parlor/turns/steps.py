"""Tool calls as rows: started before the tool is run (T2a), ended after it (T2b)."""

from typing import Any
from uuid import UUID

from parlor.core.db import Database
from parlor.core.ids import new_id
from parlor.turns import queries
from parlor.turns.errors import Fenced
from parlor.turns.running import RunningTurn


class StepBook:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def start(self, running: RunningTurn, *, call_id: str, tool: str, arguments: Any) -> UUID:
        """T2a. Only once this is committed may the tool be run. Raises Fenced when the turn is no longer ours."""
        step_id, turn_id, epoch = new_id(), running.turn.id, running.epoch
        is_ours = await self._db.write(
            lambda tx: queries.start_step(tx, step_id=step_id, turn_id=turn_id, epoch=epoch, call_id=call_id, tool=tool, arguments=arguments)
        )
        if not is_ours:
            raise Fenced()
        return step_id

    async def end(self, step_id: UUID, *, result: Any = None, error: str | None = None) -> None:
        """T2b."""
        state, outcome = ("done", {"result": result}) if error is None else ("failed", {"error": error})
        await self._db.write(lambda tx: queries.end_step(tx, step_id, state=state, outcome=outcome))
