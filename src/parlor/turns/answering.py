"""Answers to the questions of turns: each is taken once, and the last one that a turn waits for sets it going again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.events import Events
from parlor.llm import Offer
from parlor.turns import queries, question_queries
from parlor.turns.errors import Fenced, NoSuchQuestion, NoSuchTurn, QuestionClosed
from parlor.turns.events import QuestionAnswered, QuestionDecided
from parlor.turns.metering import Bill, bill_of
from parlor.turns.questions import GivenAnswer
from parlor.turns.segments import EPOCH_NUMBERS, Numbered
from parlor.turns.unattended import UnattendedTurns
from parlor.wallet import Price


class Resumable(msgspec.Struct, frozen=True):
    """A turn that has all its answers, as it goes on: `state` is what its work wrote down, `questions` the rows of all it ever asked."""

    turn: Any
    state: str
    questions: Sequence[Any]
    earlier: Sequence[Numbered]
    bill: Bill
    price: Price


class AnswerBook:
    def __init__(self, unattended: UnattendedTurns, events: Events) -> None:
        self._unattended = unattended
        self._events = events

    def find(self, tx: Transaction, turn_id: UUID, question_id: UUID, account_id: UUID) -> tuple[Any, Any]:
        """The turn and its question, if both are this account's. Raises NoSuchTurn, NoSuchQuestion."""
        turn = queries.find_turn(tx, turn_id, account_id)
        if turn is None:
            raise NoSuchTurn()
        question = question_queries.find_question(tx, question_id, turn_id, account_id)
        if question is None:
            raise NoSuchQuestion()
        return turn, question

    def answer(self, tx: Transaction, turn_id: UUID, question: Any, answer: GivenAnswer) -> Resumable | None:
        """Takes the answer. None while the turn waits for others; else what it goes on from, and whoever runs it must let it go on in this transaction.

        Raises QuestionClosed when it was answered before, is too late, or its turn does not wait any more.
        """
        if not question_queries.answer_question(tx, question.id, answer.stored()):
            raise QuestionClosed()
        turn = question_queries.awaiting_turn(tx, turn_id)
        if turn is None:
            raise QuestionClosed()
        is_last = not question_queries.open_questions(tx, turn_id)
        number = turn.epoch * EPOCH_NUMBERS + 1 if is_last else queries.last_number(tx, turn_id) + 1
        told = QuestionAnswered(question.id, question.call_id, answer.decision, answer.arguments)
        queries.save_segment(tx, turn_id, [Numbered(number, told)])
        self._events.record(
            tx,
            QuestionDecided(
                account_id=turn.account_id, turn_id=turn_id, question_id=question.id, kind=question.kind, tool=question.tool, decision=answer.decision
            ),
        )
        return self._resumable(tx, turn) if is_last else None

    def _resumable(self, tx: Transaction, turn: Any) -> Resumable:
        state = question_queries.take_continuation(tx, turn.id)
        if state is None:
            raise Fenced()
        earlier = queries.events_after(tx, turn.id, 0)
        first = Offer(turn.model, self._unattended.price_of(tx, turn))
        bill = bill_of([numbered.event for numbered in earlier], first, is_accepted=False)
        return Resumable(turn, state, question_queries.questions_of(tx, turn.id), earlier, bill, first.price)
