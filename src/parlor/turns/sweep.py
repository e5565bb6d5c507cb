"""Finds turns whose server is gone and ends them as interrupted, from what was stored, by the same rule of charging."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from parlor.core.db import Database, Transaction
from parlor.llm import Offer
from parlor.turns import queries
from parlor.turns.closing import Closing, TurnCloser
from parlor.turns.engine import TurnEngine
from parlor.turns.errors import Fenced
from parlor.turns.events import LogEvent, ToolCalled, ToolResult
from parlor.turns.metering import bill_of
from parlor.turns.running import Ending
from parlor.turns.segments import EPOCH_NUMBERS, Numbered, parts_of, results_missing
from parlor.turns.states import Reason, TurnState
from parlor.wallet import Price, PriceBook, WalletSettings

logger = structlog.get_logger("parlor.turns")

PAGE = 50


class TurnSweep:
    def __init__(self, db: Database, closer: TurnCloser, engine: TurnEngine, wallet: WalletSettings, prices: PriceBook) -> None:
        self._db = db
        self._closer = closer
        self._engine = engine
        self._wallet = wallet
        self._prices = prices

    async def sweep(self) -> int:
        """How many turns were ended. Any number of replicas may do this at once: each turn is ended by one of them."""
        expired = await self._db.read(lambda tx: queries.expired_turns(tx, PAGE))
        ended = 0
        for turn in expired:
            if self._engine.running(turn.id) is not None:
                continue  # ours, and late with its lease: the engine decides about it
            try:
                if await self._db.write(lambda tx, turn=turn: self._interrupt(tx, turn)):
                    ended += 1
                    logger.warning("turn.interrupted", turn_id=str(turn.id))
            except Fenced:
                continue
            except Exception:
                # one that cannot be ended must not keep the others from it
                logger.exception("turn.not_ended", turn_id=str(turn.id))
        return ended

    def _interrupt(self, tx: Transaction, turn: Any) -> bool:
        if not queries.is_lease_over(tx, turn.id):
            return False
        events = [numbered.event for numbered in queries.events_after(tx, turn.id, 0)]
        first_new = len(events)
        events += _told_by_steps(events, queries.steps_of(tx, turn.id))
        events += results_missing(events)
        first_number = turn.epoch * EPOCH_NUMBERS + 1
        unsaved = [Numbered(number, event) for number, event in enumerate(events[first_new:], first_number)]
        self._closer.close(
            tx,
            Closing(
                turn_id=turn.id,
                account_id=turn.account_id,
                session_id=turn.session_id,
                question_id=turn.question_id,
                answer_id=turn.answer_id,
                agent=turn.agent,
                bill=bill_of(events, Offer(turn.model, self._price_of(tx, turn)), is_accepted=self._wallet.assume_accepted),
                hold_micros=turn.hold_micros,
                old_epoch=turn.epoch,
                epoch=turn.epoch + 1,
                ending=Ending(TurnState.INTERRUPTED, Reason.SERVER_RESTART),
                parts=parts_of(events),
                unsaved=unsaved,
                terminal_number=first_number + len(unsaved),
            ),
        )
        return True

    def _price_of(self, tx: Transaction, turn: Any) -> Price:
        """The one that the turn began with."""
        found = None if turn.price_version_id is None else self._prices.find_version(tx, turn.price_version_id)
        return found or Price(turn.input_micros_per_mtok, turn.output_micros_per_mtok)


def _told_by_steps(events: Sequence[LogEvent], steps: Iterable[Any]) -> list[LogEvent]:
    """What the rows of tool calls know and the log does not: it is stored once a second, they at once. No result of a tool is ever lost."""
    called = {event.call_id for event in events if isinstance(event, ToolCalled)}
    answered = {event.call_id for event in events if isinstance(event, ToolResult)}
    told: list[LogEvent] = []
    for step in steps:
        if step.call_id not in called:
            told.append(ToolCalled(call_id=step.call_id, tool=step.tool, arguments=step.arguments))
        if step.call_id not in answered and step.outcome is not None:
            told.append(ToolResult(call_id=step.call_id, **step.outcome))
    return told
