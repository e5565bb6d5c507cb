"""The pause of a turn that waits for a person, and its end: two transactions, between which no server has anything to do with it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.events import Events
from parlor.turns import queries, question_queries
from parlor.turns.errors import Fenced
from parlor.turns.events import QuestionAsked, TurnAwaitsInput
from parlor.turns.questions import Paused
from parlor.turns.segments import Numbered
from parlor.turns.settings import TurnSettings
from parlor.wallet import WalletService


class Pause(msgspec.Struct, frozen=True):
    """Everything the pause needs, gathered before it begins. `cost_micros` is what the turn has cost so far: all that stays held."""

    turn_id: UUID
    account_id: UUID
    session_id: UUID
    epoch: int
    cost_micros: int
    unsaved: Sequence[Numbered]
    next_number: int
    paused: Paused


class TurnPauser:
    def __init__(self, wallet: WalletService, events: Events, settings: TurnSettings) -> None:
        self._wallet = wallet
        self._events = events
        self._settings = settings

    def pause(self, tx: Transaction, pause: Pause) -> list[Numbered]:
        """The questions, the log so far, the smaller hold, and no lease: all or nothing. Returns the events that tell of the questions. Raises Fenced."""
        expires_at = tx.now() + timedelta(seconds=self._settings.question_seconds)
        if not question_queries.pause_turn(tx, pause.turn_id, pause.epoch, pause.cost_micros):
            raise Fenced()
        self._wallet.shrink(tx, turn_id=pause.turn_id, amount_micros=pause.cost_micros)
        questions = pause.paused.questions
        for question in questions:
            question.insert(tx, pause.turn_id, expires_at)
        question_queries.put_continuation(tx, pause.turn_id, pause.paused.state)
        shown = [QuestionAsked(question.shown(expires_at).model_dump(mode="json")) for question in questions]
        asked = [Numbered(number, event) for number, event in enumerate(shown, pause.next_number)]
        queries.save_segment(tx, pause.turn_id, [*pause.unsaved, *asked])
        self._events.record(
            tx,
            TurnAwaitsInput(
                account_id=pause.account_id,
                session_id=pause.session_id,
                turn_id=pause.turn_id,
                question_ids=[question.id for question in questions],
                kinds=[question.kind for question in questions],
                expires_at=expires_at,
            ),
        )
        return asked
