"""What must be true of stored turns, and how they are."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select, text

from parlor.core.db import Transaction, statement
from parlor.core.health import Check, Health, Status
from parlor.core.invariants import Invariant
from parlor.turns.engine import TurnEngine
from parlor.turns.tables import Turn

_TERMINAL = "('completed', 'stopped', 'failed', 'interrupted')"

_two_busy = statement(select(Turn.session_id).where(Turn.ended_at.is_(None), Turn.session_id.is_not(None)).group_by(Turn.session_id).having(func.count() > 1))
_half_ended = statement(
    select(Turn.id).where(text(f"(state IN {_TERMINAL}) <> (ended_at IS NOT NULL) OR (ended_at IS NOT NULL AND (charge_micros IS NULL OR charge_micros < 0))"))
)
_over_hold = statement(select(Turn.id).where(Turn.charge_micros > Turn.hold_micros))
_unsettled = statement(
    text(
        "SELECT turns.id AS id FROM turns LEFT JOIN holds ON holds.turn_id = turns.id "
        "WHERE turns.ended_at IS NOT NULL AND (holds.id IS NULL OR holds.state = 'open' OR COALESCE(holds.charge_micros, 0) <> turns.charge_micros)"
    ).columns(Turn.id)
)
_waits_for_nobody = statement(
    text(
        "SELECT turns.id AS id FROM turns LEFT JOIN turn_continuations ON turn_continuations.turn_id = turns.id "
        "WHERE (turns.state = 'awaiting_input') <> (turn_continuations.turn_id IS NOT NULL) OR (turns.state = 'awaiting_input' AND ("
        "turns.lease_owner IS NOT NULL OR NOT EXISTS (SELECT 1 FROM turn_questions WHERE turn_questions.turn_id = turns.id AND turn_questions.state = 'open')))"
    ).columns(Turn.id)
)
_asked_by_none = statement(
    text(
        "SELECT turn_questions.id AS id FROM turn_questions JOIN turns ON turns.id = turn_questions.turn_id "
        "WHERE turn_questions.state = 'open' AND turns.state <> 'awaiting_input'"
    ).columns(Turn.id)
)
_open_without_turn = statement(
    text(
        "SELECT turns.id AS id FROM turns LEFT JOIN holds ON holds.turn_id = turns.id AND holds.state = 'open' "
        "WHERE turns.ended_at IS NULL AND (holds.id IS NULL OR holds.amount_micros <> turns.hold_micros)"
    ).columns(Turn.id)
)


def _named(statement: Any, sentence: str) -> Any:
    def violations(tx: Transaction) -> Iterable[str]:
        return [sentence.format(row[0]) for row in tx.run(statement).all()]

    return violations


def invariants() -> Sequence[Invariant]:
    return (
        Invariant("INV-T3", "A session has at most one turn that is not over.", _named(_two_busy, "session {} has two turns that are not over")),
        Invariant("INV-T5", "A turn is terminal, has an end and a charge, or none of it.", _named(_half_ended, "turn {} is half ended")),
        Invariant("INV-M4", "A turn is never charged more than its hold.", _named(_over_hold, "turn {} was charged more than its hold")),
        Invariant(
            "INV-M3",
            "A turn that is over has its hold resolved, for its charge.",
            _named(_unsettled, "turn {} is over, its hold not settled for its charge"),
        ),
        Invariant(
            "INV-T9",
            "A turn waits for a person, has an open question and knows where to go on, or none of it.",
            _named(_waits_for_nobody, "turn {} waits for nobody"),
        ),
        Invariant("INV-T9b", "An open question has a turn that waits.", _named(_asked_by_none, "question {} is open, and its turn does not wait")),
        Invariant("INV-M3b", "A turn that is not over has one open hold of its amount.", _named(_open_without_turn, "turn {} runs without its open hold")),
    )


def health(engine: TurnEngine) -> Sequence[Check]:
    async def look() -> Health:
        late = engine.late_leases()
        details = {"running": engine.count(), "late_leases": late}
        if late:
            return Health(Status.DEGRADED, "leases are not renewed", "Look at the database: running turns cannot save what they say.", details)
        return Health(Status.OK, details=details)

    return (Check("turns", look),)
