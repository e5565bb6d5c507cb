"""What a provider would be sent of each conversation in a database, were it gone on with."""

from uuid import UUID

from sqlalchemy import text

from parlor.chat import message_queries
from parlor.chat.history import to_model_messages
from parlor.chat.tables import Session
from parlor.core.db import Database, Transaction, statement
from parlor.llm import ModelMessage
from tests.support.history import complaints_about
from tests.support.wire import wire_of

_sessions = statement(text("SELECT id, message_count, is_branched FROM sessions").columns(Session.id, Session.message_count, Session.is_branched))


async def history_complaints(db: Database) -> list[str]:
    """INV-T7, of all sessions: each is read as the next turn would read it, with a question at its end."""
    return await db.read(lambda tx: [complaint for row in tx.run(_sessions).all() for complaint in _of_session(tx, row.id, row.message_count, row.is_branched)])


def _of_session(tx: Transaction, session_id: UUID, count: int, is_branched: bool) -> list[str]:
    newest = message_queries.message_at(tx, session_id, count)
    if newest is None:
        return []
    rows = message_queries.path_to(tx, session_id, newest, is_branched=is_branched, most=1000)
    messages = to_model_messages(list(reversed(rows)))
    if messages[-1].role == "user":
        messages[-1] = ModelMessage("user", messages[-1].text + "\n\nAnd now?")
    else:
        messages.append(ModelMessage("user", "And now?"))
    return [f"session {session_id}: {complaint}" for complaint in complaints_about(wire_of(messages))]
