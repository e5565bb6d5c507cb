"""Keeping the answer: what chat does inside T4."""

from parlor.chat import message_queries, session_queries
from parlor.chat.history import is_plain, text_of, tokens_of
from parlor.core.db import Transaction
from parlor.turns import TurnEnding, TurnState

STATUSES: dict[TurnState, str] = {
    TurnState.COMPLETED: "complete",
    TurnState.STOPPED: "stopped",
    TurnState.FAILED: "failed",
    TurnState.INTERRUPTED: "interrupted",
}


def keep_answer(tx: Transaction, ending: TurnEnding) -> None:
    """The answer's message, marked by how its turn ended. An answer of nothing is no message; a deleted session keeps none."""
    if not ending.parts:
        return
    session = session_queries.add_message(tx, ending.session_id, ending.account_id)
    if session is None:
        return
    question_seq = message_queries.find_seq(tx, ending.session_id, ending.question_id)
    if question_seq is None:
        return
    text, parts = text_of(ending.parts), None if is_plain(ending.parts) else ending.parts
    message_queries.insert_answer(
        tx,
        id=ending.answer_id,
        session_id=ending.session_id,
        account_id=ending.account_id,
        seq=session.message_count,
        parent_id=ending.question_id,
        role="assistant",
        text=text,
        parts=parts,
        tokens=tokens_of("assistant", text, parts),
        status=STATUSES[ending.state],
        turn_id=ending.turn_id,
        usage=ending.usage,
        created_at=tx.now(),
    )
    if question_seq != session.message_count - 1 and not session.is_branched:
        session_queries.mark_session(tx, ending.session_id, branches=True, title="")
