"""Every SQL statement about questions and about where turns go on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, in_ids, insert, statement
from parlor.turns.states import TurnState
from parlor.turns.tables import Turn, TurnContinuation, TurnQuestion

_shown = (
    *(TurnQuestion.id, TurnQuestion.turn_id, TurnQuestion.call_id, TurnQuestion.kind, TurnQuestion.tool, TurnQuestion.arguments),
    *(TurnQuestion.arguments_hash, TurnQuestion.key, TurnQuestion.text, TurnQuestion.schema, TurnQuestion.url, TurnQuestion.state),
    *(TurnQuestion.answer, TurnQuestion.asked_at, TurnQuestion.expires_at, TurnQuestion.answered_at),
)

_insert = statement(
    insert(TurnQuestion).values(
        columns_of(
            TurnQuestion, "id", "turn_id", "call_id", "kind", "tool", "arguments", "arguments_hash", "key", "text", "schema", "url", "asked_at", "expires_at"
        )
        | {"state": "open"}
    )
)


def insert_question(tx: Transaction, **values: Any) -> None:
    tx.run(_insert, asked_at=tx.now(), **values)


_open = statement(select(*_shown).where(TurnQuestion.turn_id == bindparam("turn_id"), TurnQuestion.state == "open").order_by(TurnQuestion.id))


def open_questions(tx: Transaction, turn_id: UUID) -> list[Any]:
    """In the order in which they were asked."""
    return tx.run(_open, turn_id=turn_id).all()


_all = statement(select(*_shown).where(TurnQuestion.turn_id == bindparam("turn_id")).order_by(TurnQuestion.id))


def questions_of(tx: Transaction, turn_id: UUID) -> list[Any]:
    return tx.run(_all, turn_id=turn_id).all()


_find = statement(
    select(*_shown)
    .join(Turn, Turn.id == TurnQuestion.turn_id)
    .where(
        TurnQuestion.id == bindparam("question_id"),
        TurnQuestion.turn_id == bindparam("turn_id"),
        Turn.account_id == bindparam("account_id"),
        Turn.session_id.is_not(None),
    )
)


def find_question(tx: Transaction, question_id: UUID, turn_id: UUID, account_id: UUID) -> Any:
    """If it is asked in that turn of this account."""
    return tx.run(_find, question_id=question_id, turn_id=turn_id, account_id=account_id).one_or_none()


_waiting_for = statement(
    select(TurnQuestion.id, TurnQuestion.turn_id, TurnQuestion.key)
    .join(Turn, Turn.id == TurnQuestion.turn_id)
    .where(Turn.account_id == bindparam("account_id"), Turn.session_id.is_not(None), TurnQuestion.state == "open", TurnQuestion.kind == bindparam("kind"))
)


def questions_waiting_for(tx: Transaction, account_id: UUID, kind: str) -> list[Any]:
    """Open questions of this account of that kind: (id, turn_id, key)."""
    return tx.run(_waiting_for, account_id=account_id, kind=kind).all()


_answer = statement(
    update(TurnQuestion)
    .where(TurnQuestion.id == bindparam("question_id"), TurnQuestion.state == "open", TurnQuestion.expires_at > bindparam("now", type_=UtcTime()))
    .values(columns_of(TurnQuestion, "answer", "answered_at") | {"state": "answered"})
    .returning(TurnQuestion.id)
)


def answer_question(tx: Transaction, question_id: UUID, answer: Any) -> bool:
    """False when somebody else was faster, or it is too late."""
    return tx.run(_answer, question_id=question_id, answer=answer, answered_at=tx.now(), now=tx.now()).one_or_none() is not None


_void = statement(update(TurnQuestion).where(TurnQuestion.turn_id == bindparam("turn_id"), TurnQuestion.state == "open").values(state="void"))
_drop = statement(delete(TurnContinuation).where(TurnContinuation.turn_id == bindparam("turn_id")))


def close_questions(tx: Transaction, turn_id: UUID) -> None:
    """Its turn has ended: nobody can answer any more, and nothing goes on."""
    tx.run(_void, turn_id=turn_id)
    tx.run(_drop, turn_id=turn_id)


_pause = statement(
    update(Turn)
    .where(
        Turn.id == bindparam("turn_id"),
        Turn.epoch == bindparam("epoch", type_=Integer()),
        Turn.state == TurnState.RUNNING.value,
        Turn.ended_at.is_(None),
    )
    .values(columns_of(Turn, "hold_micros") | {"state": TurnState.AWAITING_INPUT.value, "lease_owner": None, "lease_expires_at": None})
    .returning(Turn.id)
)


def pause_turn(tx: Transaction, turn_id: UUID, epoch: int, hold_micros: int) -> bool:
    """False when the turn is no longer this epoch's."""
    return tx.run(_pause, turn_id=turn_id, epoch=epoch, hold_micros=hold_micros).one_or_none() is not None


_continuation = statement(select(TurnContinuation.state).where(TurnContinuation.turn_id == bindparam("turn_id")))
_put = statement(insert(TurnContinuation).values(columns_of(TurnContinuation, "turn_id", "state")))


def put_continuation(tx: Transaction, turn_id: UUID, state: str) -> None:
    tx.run(_put, turn_id=turn_id, state=state)


def take_continuation(tx: Transaction, turn_id: UUID) -> str | None:
    """Read and removed."""
    state = tx.run(_continuation, turn_id=turn_id).scalar_or_none()
    tx.run(_drop, turn_id=turn_id)
    return state


_resume = statement(
    update(Turn)
    .where(
        Turn.id == bindparam("turn_id"),
        Turn.epoch == bindparam("old_epoch", type_=Integer()),
        Turn.state == TurnState.AWAITING_INPUT.value,
        Turn.is_stop_requested.is_(False),
    )
    .values(columns_of(Turn, "epoch", "hold_micros", "lease_owner", "lease_expires_at") | {"state": TurnState.RUNNING.value})
    .returning(Turn.id)
)


def resume_turn(tx: Transaction, turn_id: UUID, *, old_epoch: int, hold_micros: int, lease_owner: UUID, lease_expires_at: datetime) -> bool:
    """Of many who try, one goes on."""
    values = {"hold_micros": hold_micros, "lease_owner": lease_owner, "lease_expires_at": lease_expires_at}
    return tx.run(_resume, turn_id=turn_id, old_epoch=old_epoch, epoch=old_epoch + 1, **values).one_or_none() is not None


_turn_columns = (
    *(Turn.id, Turn.account_id, Turn.session_id, Turn.question_id, Turn.answer_id, Turn.agent, Turn.model, Turn.state, Turn.epoch),
    *(Turn.input_micros_per_mtok, Turn.output_micros_per_mtok, Turn.price_version_id, Turn.hold_micros, Turn.is_stop_requested),
)
_is_overdue = (
    select(TurnQuestion.id)
    .where(TurnQuestion.turn_id == Turn.id, TurnQuestion.state == "open", TurnQuestion.expires_at <= bindparam("now", type_=UtcTime()))
    .exists()
)
_overdue = statement(
    select(*_turn_columns)
    .where(Turn.state == TurnState.AWAITING_INPUT.value, or_(Turn.is_stop_requested.is_(True), _is_overdue))
    .order_by(Turn.id)
    .limit(bindparam("most", type_=Integer))
)


def overdue_turns(tx: Transaction, most: int) -> list[Any]:
    """Turns that wait for nobody any more: their question has expired, or they are to be stopped."""
    return tx.run(_overdue, now=tx.now(), most=most).all()


_awaiting = statement(select(*_turn_columns).where(Turn.id == bindparam("turn_id"), Turn.state == TurnState.AWAITING_INPUT.value))


def awaiting_turn(tx: Transaction, turn_id: UUID) -> Any:
    return tx.run(_awaiting, turn_id=turn_id).one_or_none()


_questions_of_session = statement(
    delete(TurnQuestion).where(TurnQuestion.turn_id.in_(select(Turn.id).where(Turn.session_id == bindparam("session_id", type_=Id()))))
)
_questions_of_turns = statement(delete(TurnQuestion).where(in_ids(TurnQuestion.turn_id, "turn_ids")))


def forget_questions_of_session(tx: Transaction, session_id: UUID) -> None:
    tx.run(_questions_of_session, session_id=session_id)


def forget_questions(tx: Transaction, turn_ids: Sequence[UUID]) -> None:
    """All of them are over: what would go on was removed with their end."""
    tx.run(_questions_of_turns, turn_ids=list(turn_ids))
