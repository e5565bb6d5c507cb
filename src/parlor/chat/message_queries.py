"""Every SQL statement about messages."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, bindparam, delete, literal, select, text, update

from parlor.chat.tables import Message, Session
from parlor.core.db import Id, Transaction, columns_of, insert, statement

_new = insert(Message).values(
    columns_of(Message, *("id", "session_id", "account_id", "seq", "parent_id", "role", "text", "parts", "tokens", "status", "turn_id", "usage", "created_at"))
)
_insert = statement(_new)
_insert_once = statement(_new.on_conflict_do_nothing(index_elements=["id"]))


def insert_message(tx: Transaction, **values: Any) -> None:
    tx.run(_insert, **values)


def insert_messages(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    tx.run_many(_insert, rows)


def insert_answer(tx: Transaction, **values: Any) -> None:
    """Nothing when the answer is there: then whoever took the turn over has kept it, and ending the turn will tell so."""
    tx.run(_insert_once, **values)


_columns = (
    *(Message.id, Message.session_id, Message.seq, Message.parent_id, Message.role, Message.text, Message.parts, Message.tokens),
    *(Message.status, Message.turn_id, Message.usage, Message.created_at),
)

_by_id = statement(select(*_columns).where(Message.id == bindparam("message_id"), Message.session_id == bindparam("session_id")))


def find_message(tx: Transaction, session_id: UUID, message_id: UUID) -> Any:
    return tx.run(_by_id, session_id=session_id, message_id=message_id).one_or_none()


_seq = statement(select(Message.seq).where(Message.id == bindparam("message_id"), Message.session_id == bindparam("session_id")))


def find_seq(tx: Transaction, session_id: UUID, message_id: UUID) -> int | None:
    return tx.run(_seq, session_id=session_id, message_id=message_id).scalar_or_none()


_by_seq = statement(select(*_columns).where(Message.session_id == bindparam("session_id"), Message.seq == bindparam("seq")))


def message_at(tx: Transaction, session_id: UUID, seq: int) -> Any:
    return tx.run(_by_seq, session_id=session_id, seq=seq).one_or_none()


_older = statement(
    select(*_columns)
    .where(Message.session_id == bindparam("session_id"), Message.seq <= bindparam("seq"))
    .order_by(Message.seq.desc())
    .limit(bindparam("most", type_=Integer))
)


def _path_statement() -> Any:
    start = (
        select(Message.id.label("id"), Message.parent_id.label("parent_id"), literal(1).label("depth"))
        .where(Message.id == bindparam("message_id"), Message.session_id == bindparam("session_id"))
        .cte("path", recursive=True)
    )
    path = start.union_all(
        select(Message.id, Message.parent_id, start.c.depth + 1)
        .join(start, Message.id == start.c.parent_id)
        .where(start.c.depth < bindparam("most", type_=Integer))
    )
    return select(*_columns).join(path, path.c.id == Message.id).order_by(path.c.depth)


_path = statement(_path_statement())


_history = statement(
    select(Message.id, Message.seq, Message.parent_id, Message.role, Message.text, Message.parts, Message.tokens)
    .where(Message.session_id == bindparam("session_id"), Message.seq <= bindparam("seq"))
    .order_by(Message.seq.desc())
    .limit(bindparam("most", type_=Integer))
)


def history_before(tx: Transaction, session_id: UUID, seq: int, most: int) -> list[Any]:
    """Like `messages_before`, with no more of each than a model is shown: every turn reads it, inside T1."""
    return tx.run(_history, session_id=session_id, seq=seq, most=most).all()


def messages_before(tx: Transaction, session_id: UUID, seq: int, most: int) -> list[Any]:
    """The message of that number and what is older, newest first."""
    return tx.run(_older, session_id=session_id, seq=seq, most=most).all()


def path_to(tx: Transaction, session_id: UUID, message: Any, *, is_branched: bool, most: int) -> list[Any]:
    """`message` and what was said before it on its branch, newest first, `most` messages at most."""
    if not is_branched:
        return messages_before(tx, session_id, message.seq, most)
    return tx.run(_path, session_id=session_id, message_id=message.id, most=most).all()


def path_from(tx: Transaction, session_id: UUID, message_id: UUID | None, most: int) -> list[Any]:
    """That message and what was said before it, newest first: nothing without one."""
    return tx.run(_path, session_id=session_id, message_id=message_id, most=most).all()


_set_parts = statement(
    update(Message)
    .where(Message.id == bindparam("message_id", type_=Id()), Message.session_id == bindparam("of_session_id", type_=Id()))
    .values(parts=bindparam("new_parts", type_=Message.parts.type))
)


def set_parts(tx: Transaction, session_id: UUID, message_id: UUID, parts: Sequence[Mapping[str, Any]]) -> None:
    tx.run(_set_parts, of_session_id=session_id, message_id=message_id, new_parts=parts)


_range = statement(
    select(*_columns)
    .where(Message.session_id == bindparam("session_id"), Message.seq > bindparam("after"), Message.seq <= bindparam("last", type_=Integer))
    .order_by(Message.seq)
    .limit(bindparam("most", type_=Integer))
)


def messages_between(tx: Transaction, session_id: UUID, *, after: int, last: int, most: int) -> list[Any]:
    """By their numbers in the session, oldest first."""
    return tx.run(_range, session_id=session_id, after=after, last=last, most=most).all()


_delete_of_session = statement(delete(Message).where(Message.session_id == bindparam("session_id")))


def delete_messages(tx: Transaction, session_id: UUID) -> None:
    tx.run(_delete_of_session, session_id=session_id)


NO_LIMIT = 2**31 - 1
"""More messages than a session can have."""

_some = select(Message.number).where(Message.session_id == bindparam("session_id")).limit(bindparam("most", type_=Integer()))
_delete_page = statement(delete(Message).where(Message.number.in_(_some)).returning(Message.number))


def delete_page(tx: Transaction, session_id: UUID, most: int) -> int:
    """Some of the session's messages, whichever; how many it were."""
    return len(tx.run(_delete_page, session_id=session_id, most=most).all())


_FTS_PAGES = 250
_structure = statement(text("SELECT block FROM messages_text_data WHERE id = 10").columns(block=LargeBinary()))
_merge = statement(text("INSERT INTO messages_text(messages_text, rank) VALUES ('merge', :pages)").bindparams(bindparam("pages", type_=Integer())))


def forget_words(tx: Transaction) -> bool:
    """One step of writing the full-text index anew without the words of deleted messages (SQLite). True while there is more to do.

    FTS5 only marks what is deleted; the words go when all its segments are merged into one. A negative number of pages begins that. Its own
    secure-delete option would save this, and needs an SQLite that is younger than many systems have.
    """
    before = tx.run(_structure).scalar_or_none()
    tx.run(_merge, pages=-_FTS_PAGES)
    return tx.run(_structure).scalar_or_none() != before


MARK_START, MARK_END = "\ue000", "\ue001"
"""Private-use characters around what was found, replaced once the text is escaped."""

_found_columns = (Message.id, Message.session_id, Message.role, Message.created_at, Message.number, Session.title)

_search = statement(
    sqlite=text(
        "SELECT messages.id, messages.session_id, messages.role, messages.created_at, messages.number, sessions.title, "
        f"snippet(messages_text, 0, '{MARK_START}', '{MARK_END}', ' … ', 24) AS snippet "
        "FROM messages_text JOIN messages ON messages.number = messages_text.rowid JOIN sessions ON sessions.id = messages.session_id "
        "WHERE messages_text MATCH :query AND messages.account_id = :account_id AND messages.number < :before "
        "ORDER BY messages.number DESC LIMIT :most"
    )
    .bindparams(
        bindparam("query", type_=Message.text.type),
        bindparam("account_id", type_=Id()),
        bindparam("before", type_=Integer()),
        bindparam("most", type_=Integer()),
    )
    .columns(*_found_columns, snippet=Message.text.type),
    postgres=text(
        "SELECT messages.id, messages.session_id, messages.role, messages.created_at, messages.number, sessions.title, "
        "ts_headline('simple', messages.text, to_tsquery('simple', CAST(:query AS text)), "
        f"'StartSel={MARK_START}, StopSel={MARK_END}, MaxWords=24, MinWords=8') AS snippet "
        "FROM messages JOIN sessions ON sessions.id = messages.session_id "
        "WHERE to_tsvector('simple', messages.text) @@ to_tsquery('simple', CAST(:query AS text)) "
        "AND messages.account_id = :account_id AND messages.number < CAST(:before AS bigint) "
        "ORDER BY messages.number DESC LIMIT CAST(:most AS integer)"
    )
    .bindparams(
        bindparam("query", type_=Message.text.type),
        bindparam("account_id", type_=Id()),
        bindparam("before", type_=Message.number.type),
        bindparam("most", type_=Integer()),
    )
    .columns(*_found_columns, snippet=Message.text.type),
)


def search(tx: Transaction, account_id: UUID, query: str, *, before: int, most: int) -> list[Any]:
    """Messages that have all the words, newest first. `query` is what `full_text_query` made of a person's words."""
    return tx.run(_search, account_id=account_id, query=query, before=before, most=most).all()


def full_text_query(words: Sequence[str], *, is_postgres: bool) -> str:
    """Each word as the beginning of a word, and literal: quoted, it cannot be an operator of either engine's query language."""
    if is_postgres:
        return " & ".join("'{}':*".format(word.replace("'", " ").replace("\\", " ")) for word in words)
    return " ".join('"{}"*'.format(word.replace('"', " ")) for word in words)
