"""T4: one transaction ends a turn. The same for the server that ran it and for the sweep that found it dead."""

from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.events import Events
from parlor.turns import queries, question_queries
from parlor.turns.errors import Fenced
from parlor.turns.events import ENDED, TERMINAL, LogEvent, TurnCompleted, TurnEnding, TurnStopped
from parlor.turns.metering import Bill
from parlor.turns.running import Ending
from parlor.turns.segments import Numbered
from parlor.turns.states import SENTENCES, Reason
from parlor.wallet import WalletService


class Closing(msgspec.Struct, frozen=True):
    """Everything T4 needs, gathered before it begins. `unsaved` are the events not yet stored, `terminal_number` the number of the last one to come."""

    turn_id: UUID
    account_id: UUID
    session_id: UUID | None
    question_id: UUID
    answer_id: UUID
    agent: str
    bill: Bill
    hold_micros: int
    old_epoch: int
    epoch: int
    ending: Ending
    parts: list[dict[str, Any]]
    unsaved: list[Numbered]
    terminal_number: int


class TurnCloser:
    def __init__(self, wallet: WalletService, events: Events) -> None:
        self._wallet = wallet
        self._events = events

    def close(self, tx: Transaction, closing: Closing) -> Numbered:
        """Answer, terminal state, settlement, the last of the log, events: all or nothing. Returns the terminal event. Raises Fenced.

        Locks in the order session (by whoever keeps the answer), turn, wallet.
        """
        bill, used, model = closing.bill, closing.bill.usage, closing.bill.answered_by.model
        cost_micros = bill.cost_micros
        charge_micros = min(cost_micros, closing.hold_micros)
        usage: dict[str, int] = msgspec.to_builtins(used)
        if closing.session_id is not None:
            self._events.record(tx, self._ending_event(closing, closing.session_id, usage))
        state, reason = closing.ending.state, closing.ending.reason
        if not queries.end_turn(
            tx,
            closing.turn_id,
            old_epoch=closing.old_epoch,
            epoch=closing.epoch,
            state=state,
            reason=None if reason is None else reason.value,
            model=model,
            usage=usage,
            charge_micros=charge_micros,
        ):
            raise Fenced()
        if closing.epoch > 1 or any(part["type"] == "tool_call" for part in closing.parts):  # who has ever asked is in a later epoch by now
            queries.lose_steps(tx, closing.turn_id)
            question_queries.close_questions(tx, closing.turn_id)
        self._wallet.settle(
            tx,
            turn_id=closing.turn_id,
            cost_micros=cost_micros,
            model=model,
            explanation=bill.explain(),
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
        )
        terminal = Numbered(closing.terminal_number, _terminal(closing, charge_micros))
        queries.save_segment(tx, closing.turn_id, [*closing.unsaved, terminal])
        if closing.session_id is not None:
            self._events.record(
                tx,
                ENDED[state](
                    account_id=closing.account_id,
                    session_id=closing.session_id,
                    turn_id=closing.turn_id,
                    agent=closing.agent,
                    model=model,
                    reason=None if reason is None else reason.value,
                    charge_micros=charge_micros,
                    usage=usage,
                    ended_at=tx.now(),
                ),
            )
        return terminal

    @staticmethod
    def _ending_event(closing: Closing, session_id: UUID, usage: dict[str, int]) -> TurnEnding:
        return TurnEnding(
            account_id=closing.account_id,
            session_id=session_id,
            turn_id=closing.turn_id,
            question_id=closing.question_id,
            answer_id=closing.answer_id,
            state=closing.ending.state,
            parts=closing.parts,
            usage=usage,
        )


def _terminal(closing: Closing, charge_micros: int) -> LogEvent:
    message_id = closing.answer_id if closing.parts else None
    kind = TERMINAL[closing.ending.state]
    if kind is TurnCompleted or kind is TurnStopped:
        return kind(message_id=message_id, usage=closing.bill.usage, charge_micros=charge_micros)
    reason = closing.ending.reason or Reason.INTERNAL
    problem = {"type": "about:blank", "title": SENTENCES[reason], "code": f"turn.{reason.value}", "reason": reason.value}
    return kind(problem=problem, message_id=message_id, usage=closing.bill.usage, charge_micros=charge_micros)  # pyright: ignore[reportCallIssue]  # failed or interrupted
