"""Ends turns that no server runs: whose server is gone, whose question nobody has answered, or that are stopped while they wait."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from parlor.core.db import Transaction
from parlor.llm import Offer
from parlor.turns import queries, question_queries
from parlor.turns.closing import Closing, TurnCloser
from parlor.turns.events import LogEvent, ToolCalled, ToolResult
from parlor.turns.metering import bill_of
from parlor.turns.running import Ending
from parlor.turns.segments import EPOCH_NUMBERS, Numbered, parts_of, results_missing
from parlor.turns.states import Reason, TurnState
from parlor.wallet import Price, PriceBook, WalletSettings

_STOPPED = Ending(TurnState.STOPPED, Reason.STOPPED_BY_USER)
_EXPIRED = Ending(TurnState.FAILED, Reason.QUESTION_EXPIRED)


class UnattendedTurns:
    """From what was stored, by the same rule of charging as everywhere."""

    def __init__(self, closer: TurnCloser, wallet: WalletSettings, prices: PriceBook) -> None:
        self._closer = closer
        self._wallet = wallet
        self._prices = prices

    def end(self, tx: Transaction, turn: Any, ending: Ending) -> None:
        """`turn` as it was read in this transaction or before. Raises Fenced when somebody else has it by now."""
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
                bill=bill_of(
                    events,
                    Offer(turn.model, self.price_of(tx, turn)),
                    is_accepted=self._wallet.assume_accepted,
                    calls_accepted=self._wallet.assume_accepted,
                ),
                hold_micros=turn.hold_micros,
                old_epoch=turn.epoch,
                epoch=turn.epoch + 1,
                ending=ending,
                parts=parts_of(events),
                unsaved=unsaved,
                terminal_number=first_number + len(unsaved),
            ),
        )

    def stop_awaiting(self, tx: Transaction, turn_id: UUID) -> None:
        """Ends a turn that waits for a person, as stopped. Does nothing to any other. Raises Fenced."""
        if (turn := question_queries.awaiting_turn(tx, turn_id)) is not None:
            self.end(tx, turn, _STOPPED)

    def end_overdue(self, tx: Transaction, turn: Any) -> None:
        """`turn` is one of `overdue_turns`. Raises Fenced."""
        self.end(tx, turn, _STOPPED if turn.is_stop_requested else _EXPIRED)

    def price_of(self, tx: Transaction, turn: Any) -> Price:
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
