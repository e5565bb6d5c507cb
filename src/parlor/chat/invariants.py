"""What must be true of stored conversations."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import text

from parlor.chat.tables import Message, Session
from parlor.core.db import Statement, Transaction, statement
from parlor.core.invariants import Invariant

_gaps = statement(
    text(
        "SELECT sessions.id AS id FROM sessions LEFT JOIN messages ON messages.session_id = sessions.id "
        "GROUP BY sessions.id, sessions.message_count HAVING COUNT(messages.id) <> sessions.message_count "
        "OR COALESCE(MAX(messages.seq), 0) <> sessions.message_count"
    ).columns(Session.id)
)
_orphans = statement(
    text(
        "SELECT child.id AS id FROM messages AS child LEFT JOIN messages AS parent ON parent.id = child.parent_id AND parent.session_id = child.session_id "
        "AND parent.seq < child.seq WHERE child.parent_id IS NOT NULL AND parent.id IS NULL"
    ).columns(Message.id)
)
_empty = statement(text("SELECT id FROM messages WHERE role = 'assistant' AND text = '' AND parts IS NULL").columns(Message.id))
_lost = statement(
    text(
        "SELECT turns.id AS id FROM turns LEFT JOIN messages ON messages.id = turns.question_id WHERE turns.session_id IS NOT NULL AND messages.id IS NULL"
    ).columns(Message.id)
)


def _each(statement: Statement, sentence: str) -> Callable[[Transaction], Iterable[str]]:
    def violations(tx: Transaction) -> Iterable[str]:
        return [sentence.format(row[0]) for row in tx.run(statement).all()]

    return violations


def invariants() -> Sequence[Invariant]:
    return (
        Invariant("INV-T2", "Messages of a session are numbered without gaps.", _each(_gaps, "the messages of session {} have gaps")),
        Invariant("INV-T2b", "A message follows an older one of its session.", _each(_orphans, "message {} follows nothing")),
        Invariant("INV-T7", "No answer is empty.", _each(_empty, "the answer {} is empty")),
        Invariant("INV-T1", "Every turn has its question.", _each(_lost, "the question of turn {} is lost")),
    )
