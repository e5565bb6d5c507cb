"""Every SQL statement of turns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, func, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, in_ids, insert, statement
from parlor.turns import question_queries
from parlor.turns.segments import Numbered, pack, unpack
from parlor.turns.states import TurnState
from parlor.turns.tables import Turn, TurnSegment, TurnStep

_insert_turn = statement(
    insert(Turn)
    .values(
        columns_of(
            Turn,
            *("id", "account_id", "session_id", "question_id", "answer_id", "agent", "model", "epoch", "lease_owner", "lease_expires_at"),
            *("input_micros_per_mtok", "output_micros_per_mtok", "price_version_id", "prompt_tokens_estimate", "hold_micros", "started_at"),
        )
        | {"state": TurnState.RUNNING.value, "is_stop_requested": False}
    )
    .on_conflict_do_nothing()
    .returning(Turn.id)
)


def insert_turn(tx: Transaction, **values: Any) -> bool:
    """False when the session has a turn that is not over: the partial unique index decides, so two senders cannot both win."""
    return tx.run(_insert_turn, **values).one_or_none() is not None


_columns = (
    *(Turn.id, Turn.account_id, Turn.session_id, Turn.question_id, Turn.answer_id, Turn.agent, Turn.model, Turn.state, Turn.reason, Turn.epoch),
    *(Turn.input_micros_per_mtok, Turn.output_micros_per_mtok, Turn.price_version_id, Turn.prompt_tokens_estimate, Turn.hold_micros),
    *(Turn.usage, Turn.charge_micros, Turn.started_at, Turn.ended_at),
)
_find_turn = statement(select(*_columns).where(Turn.id == bindparam("turn_id"), Turn.account_id == bindparam("account_id"), Turn.session_id.is_not(None)))


def find_turn(tx: Transaction, turn_id: UUID, account_id: UUID) -> Any:
    """The turn, if it is this account's; turns of deleted sessions are gone."""
    return tx.run(_find_turn, turn_id=turn_id, account_id=account_id).one_or_none()


_turn_state = statement(select(Turn.state).where(Turn.id == bindparam("turn_id")))


def turn_state(tx: Transaction, turn_id: UUID) -> TurnState | None:
    state = tx.run(_turn_state, turn_id=turn_id).scalar_or_none()
    return None if state is None else TurnState(state)


_models_used = statement(select(Turn.id, Turn.agent, Turn.model).where(Turn.session_id == bindparam("session_id")))


def models_used(tx: Transaction, session_id: UUID) -> dict[UUID, tuple[str, str]]:
    """Agent and model of each turn of a session."""
    return {turn_id: (agent, model) for turn_id, agent, model in tx.run(_models_used, session_id=session_id).all()}


_end_turn = statement(
    update(Turn)
    .where(Turn.id == bindparam("turn_id"), Turn.epoch == bindparam("old_epoch"), Turn.ended_at.is_(None))
    .values(
        columns_of(Turn, "state", "reason", "model", "epoch", "usage", "charge_micros", "ended_at") | {"lease_owner": None, "lease_expires_at": None},
    )
    .returning(Turn.id)
)


def end_turn(
    tx: Transaction, turn_id: UUID, *, old_epoch: int, epoch: int, state: TurnState, reason: str | None, model: str, usage: dict[str, int], charge_micros: int
) -> bool:
    """`model` is the one that answered. Terminal is final: False when somebody else has ended the turn, or taken it over."""
    row = tx.run(
        _end_turn,
        **{"turn_id": turn_id, "old_epoch": old_epoch, "epoch": epoch, "state": state.value, "reason": reason, "model": model},
        **{"usage": usage, "charge_micros": charge_micros, "ended_at": tx.now()},
    )
    return row.one_or_none() is not None


_insert_segment = insert(TurnSegment).values(columns_of(TurnSegment, "turn_id", "first", "last", "entries"))
_upsert_segment = statement(
    _insert_segment.on_conflict_do_update(
        index_elements=[TurnSegment.turn_id, TurnSegment.first],
        set_={"last": _insert_segment.excluded.last, "entries": _insert_segment.excluded.entries},
        where=TurnSegment.last < _insert_segment.excluded.last,
    )
)


def save_segment(tx: Transaction, turn_id: UUID, events: Sequence[Numbered]) -> None:
    """A checkpoint, the record of a tool call and T4 may begin at the same event; then the one that knows more stays."""
    if events:
        tx.run(_upsert_segment, turn_id=turn_id, first=events[0].number, last=events[-1].number, entries=pack(events))


_segments = statement(
    select(TurnSegment.entries).where(TurnSegment.turn_id == bindparam("turn_id"), TurnSegment.last > bindparam("after")).order_by(TurnSegment.first)
)


def events_after(tx: Transaction, turn_id: UUID, after: int) -> list[Numbered]:
    """Each event once: of two segments that overlap, the later one begins inside the earlier."""
    events: list[Numbered] = []
    for entries in tx.run(_segments, turn_id=turn_id, after=after).scalars():
        events += [numbered for numbered in unpack(entries) if numbered.number > after]
        after = events[-1].number if events else after
    return events


_last_number = statement(select(func.max(TurnSegment.last)).where(TurnSegment.turn_id == bindparam("turn_id")))


def last_number(tx: Transaction, turn_id: UUID) -> int:
    """Of the events that are stored; 0 for none."""
    return tx.run(_last_number, turn_id=turn_id).scalar() or 0


_renew = statement(
    update(Turn)
    .where(in_ids(Turn.id, "turn_ids"), Turn.lease_owner == bindparam("owner"), Turn.ended_at.is_(None))
    .values(lease_expires_at=bindparam("until", type_=UtcTime()))
    .returning(Turn.id, Turn.epoch, Turn.is_stop_requested)
)


def renew_leases(tx: Transaction, turn_ids: Sequence[UUID], owner: UUID, until: datetime) -> dict[UUID, tuple[int, bool]]:
    """{turn: (epoch, is_stop_requested)} of those that are still this owner's."""
    rows = tx.run(_renew, turn_ids=list(turn_ids), owner=owner, until=until).all()
    return {row.id: (row.epoch, row.is_stop_requested) for row in rows}


_request_stop = statement(
    update(Turn)
    .where(Turn.id == bindparam("turn_id"), Turn.account_id == bindparam("account_id"), Turn.session_id.is_not(None), Turn.ended_at.is_(None))
    .values(is_stop_requested=True)
    .returning(Turn.id)
)


def request_stop(tx: Transaction, turn_id: UUID, account_id: UUID) -> bool:
    return tx.run(_request_stop, turn_id=turn_id, account_id=account_id).one_or_none() is not None


_expired = statement(
    select(*_columns)
    .where(Turn.state == TurnState.RUNNING.value, Turn.lease_expires_at < bindparam("now", type_=UtcTime()))
    .order_by(Turn.lease_expires_at)
    .limit(bindparam("most", type_=Integer))
)


def expired_turns(tx: Transaction, most: int) -> list[Any]:
    return tx.run(_expired, now=tx.now(), most=most).all()


_lease = statement(select(Turn.lease_expires_at).where(Turn.id == bindparam("turn_id"), Turn.ended_at.is_(None)))


def is_lease_over(tx: Transaction, turn_id: UUID) -> bool:
    until = tx.run(_lease, turn_id=turn_id).scalar_or_none()
    return until is not None and until < tx.now()


_busy_turns = statement(
    select(Turn.session_id, Turn.id).where(in_ids(Turn.session_id, "session_ids"), Turn.ended_at.is_(None), Turn.account_id == bindparam("account_id"))
)


def busy_turns(tx: Transaction, account_id: UUID, session_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """{session: its turn that is not over}."""
    return {row.session_id: row.id for row in tx.run(_busy_turns, account_id=account_id, session_ids=list(session_ids)).all()}


_segments_of_session = statement(
    delete(TurnSegment).where(TurnSegment.turn_id.in_(select(Turn.id).where(Turn.session_id == bindparam("session_id", type_=Id()))))
)
_steps_of_session = statement(delete(TurnStep).where(TurnStep.turn_id.in_(select(Turn.id).where(Turn.session_id == bindparam("session_id", type_=Id())))))
_forget_session = statement(update(Turn).where(Turn.session_id == bindparam("old_session_id", type_=Id())).values(session_id=None))


def forget_session(tx: Transaction, session_id: UUID) -> None:
    """Every word of the session's turns goes; what the books need stays."""
    tx.run(_segments_of_session, session_id=session_id)
    tx.run(_steps_of_session, session_id=session_id)
    question_queries.forget_questions_of_session(tx, session_id)
    tx.run(_forget_session, old_session_id=session_id)


_STEP = ("id", "turn_id", "epoch", "call_id", "tool", "arguments", "state", "started_at")
_is_ours = (
    select(Turn.id).where(Turn.id == bindparam("turn_id", type_=Id()), Turn.epoch == bindparam("epoch", type_=Integer()), Turn.ended_at.is_(None)).exists()
)
_start_step = statement(
    insert(TurnStep).from_select(list(_STEP), select(*columns_of(TurnStep, *_STEP).values()).where(_is_ours), include_defaults=False).returning(TurnStep.id)
)


def start_step(tx: Transaction, *, step_id: UUID, turn_id: UUID, epoch: int, call_id: str, tool: str, arguments: Any) -> bool:
    """False when the turn is no longer this epoch's: then the tool must not be run."""
    values = {"turn_id": turn_id, "epoch": epoch, "call_id": call_id, "tool": tool, "arguments": arguments}
    return tx.run(_start_step, id=step_id, state="started", started_at=tx.now(), **values).one_or_none() is not None


_end_step = statement(
    update(TurnStep)
    .where(TurnStep.id == bindparam("step_id"), TurnStep.state == "started")
    .values(columns_of(TurnStep, "state", "outcome", "ended_at"))
    .returning(TurnStep.id)
)


def end_step(tx: Transaction, step_id: UUID, *, state: str, outcome: Any) -> bool:
    return tx.run(_end_step, step_id=step_id, state=state, outcome=outcome, ended_at=tx.now()).one_or_none() is not None


_steps = statement(
    select(TurnStep.call_id, TurnStep.tool, TurnStep.arguments, TurnStep.state, TurnStep.outcome)
    .where(TurnStep.turn_id == bindparam("turn_id"))
    .order_by(TurnStep.id)
)


def steps_of(tx: Transaction, turn_id: UUID) -> list[Any]:
    """In the order in which they began."""
    return tx.run(_steps, turn_id=turn_id).all()


_lose_steps = statement(
    update(TurnStep)
    .where(TurnStep.turn_id == bindparam("turn_id"), TurnStep.state == "started")
    .values(columns_of(TurnStep, "ended_at") | {"state": "unknown_outcome"})
    .returning(TurnStep.id)
)


def lose_steps(tx: Transaction, turn_id: UUID) -> int:
    """Tool calls that had begun when their turn ended: whether they took effect is unknown, and they are never run again."""
    return len(tx.run(_lose_steps, turn_id=turn_id, ended_at=tx.now()).all())


_count_running = statement(select(func.count()).select_from(Turn).where(Turn.ended_at.is_(None)))


def count_running(tx: Transaction) -> int:
    return int(tx.run(_count_running).scalar())


_set_hold = statement(
    update(Turn)
    .where(Turn.id == bindparam("turn_id"), Turn.epoch == bindparam("epoch", type_=Integer()), Turn.ended_at.is_(None))
    .values(columns_of(Turn, "hold_micros"))
    .returning(Turn.id)
)


def set_hold(tx: Transaction, turn_id: UUID, epoch: int, hold_micros: int) -> bool:
    return tx.run(_set_hold, turn_id=turn_id, epoch=epoch, hold_micros=hold_micros).one_or_none() is not None


_turns_page = statement(
    select(*_columns)
    .where(Turn.account_id == bindparam("account_id"), Turn.id > bindparam("after", type_=Id()))
    .order_by(Turn.id)
    .limit(bindparam("most", type_=Integer()))
)


def turns_page(tx: Transaction, account_id: UUID, after: UUID, most: int) -> list[Any]:
    """Oldest first, those behind the turn `after`; also those whose session is gone."""
    return tx.run(_turns_page, account_id=account_id, after=after, most=most).all()


_unfinished = statement(select(Turn.id).where(Turn.account_id == bindparam("account_id"), Turn.ended_at.is_(None)))


def unfinished_turns(tx: Transaction, account_id: UUID) -> list[UUID]:
    return tx.run(_unfinished, account_id=account_id).scalars()


_request_stops = statement(update(Turn).where(Turn.account_id == bindparam("owner_id", type_=Id()), Turn.ended_at.is_(None)).values(is_stop_requested=True))


def request_stops(tx: Transaction, account_id: UUID) -> None:
    tx.run(_request_stops, owner_id=account_id)


_segments_of_turns = statement(delete(TurnSegment).where(in_ids(TurnSegment.turn_id, "turn_ids")))
_steps_of_turns = statement(delete(TurnStep).where(in_ids(TurnStep.turn_id, "turn_ids")))
_forget_turns = statement(update(Turn).where(in_ids(Turn.id, "turn_ids"), Turn.session_id.is_not(None)).values(session_id=None).returning(Turn.id))


def forget_turns(tx: Transaction, turn_ids: Sequence[UUID]) -> int:
    """Every word of these turns goes; what the books need stays. How many had not been forgotten before."""
    ids = list(turn_ids)
    tx.run(_segments_of_turns, turn_ids=ids)
    tx.run(_steps_of_turns, turn_ids=ids)
    question_queries.forget_questions(tx, ids)
    return len(tx.run(_forget_turns, turn_ids=ids).all())
