"""Finds turns that nobody will end: their server is gone, or the person they wait for does not answer in time."""

from collections.abc import Callable
from typing import Any

import structlog

from parlor.core.db import Database, Transaction
from parlor.turns import queries, question_queries
from parlor.turns.engine import TurnEngine
from parlor.turns.errors import Fenced
from parlor.turns.running import Ending
from parlor.turns.states import Reason, TurnState
from parlor.turns.unattended import UnattendedTurns

logger = structlog.get_logger("parlor.turns")

PAGE = 50
_INTERRUPTED = Ending(TurnState.INTERRUPTED, Reason.SERVER_RESTART)


class TurnSweep:
    def __init__(self, db: Database, unattended: UnattendedTurns, engine: TurnEngine) -> None:
        self._db = db
        self._unattended = unattended
        self._engine = engine

    async def sweep(self) -> int:
        """How many turns were ended. Any number of replicas may do this at once: each turn is ended by one of them."""
        expired, overdue = await self._db.read(lambda tx: (queries.expired_turns(tx, PAGE), question_queries.overdue_turns(tx, PAGE)))
        # one that is ours and late with its lease is left to the engine, which decides about it
        lost = [turn for turn in expired if self._engine.running(turn.id) is None]
        ended = [await self._end(turn, self._interrupt) for turn in lost] + [await self._end(turn, self._end_overdue) for turn in overdue]
        return sum(ended)

    async def _end(self, turn: Any, end: Callable[[Transaction, Any], bool]) -> bool:
        try:
            if not await self._db.write(lambda tx: end(tx, turn)):
                return False
        except Fenced:
            return False
        except Exception:
            # one that cannot be ended must not keep the others from it
            logger.exception("turn.not_ended", turn_id=str(turn.id))
            return False
        logger.warning("turn.interrupted" if turn.state == TurnState.RUNNING else "turn.not_answered", turn_id=str(turn.id))
        return True

    def _interrupt(self, tx: Transaction, turn: Any) -> bool:
        if not queries.is_lease_over(tx, turn.id):
            return False
        self._unattended.end(tx, turn, _INTERRUPTED)
        return True

    def _end_overdue(self, tx: Transaction, turn: Any) -> bool:
        self._unattended.end_overdue(tx, turn)
        return True
