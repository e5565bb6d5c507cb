"""Every SQL statement about sessions."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Integer, String, and_, bindparam, delete, func, or_, select, update

from parlor.chat.tables import Session
from parlor.core.db import Id, Transaction, UtcTime, columns_of, in_ids, insert, statement

TITLE_WORDS, TITLE_ASKED, TITLE_GIVEN, TITLE_WRITTEN = "words", "asked", "given", "written"
"""Where a title comes from: the first words, or none yet; the same, and a model is asked; a person; the model."""
_NOTHING: list[str] = []

_columns = (
    *(Session.id, Session.account_id, Session.title, Session.category, Session.notes, Session.agent, Session.model),
    *(Session.is_pinned, Session.is_archived, Session.is_active, Session.is_branched, Session.session_metadata.label("metadata")),
    *(Session.message_count, Session.created_at, Session.updated_at, Session.last_active_at, Session.title_state, Session.suggestions),
)

_insert = statement(
    insert(Session)
    .values(
        columns_of(Session, "id", "account_id", "title", "category", "notes", "agent", "model", "metadata", "message_count", "created_at", "is_branched")
        | columns_of(Session, "title_state")
        | {"is_pinned": False, "is_archived": False, "is_active": True, "suggestions": _NOTHING}
        | {"updated_at": bindparam("created_at", type_=UtcTime()), "last_active_at": bindparam("created_at", type_=UtcTime())}
    )
    .returning(*_columns)
)


def insert_session(tx: Transaction, **values: Any) -> Any:
    return tx.run(_insert, created_at=tx.now(), title_state=TITLE_GIVEN if values["title"] else TITLE_WORDS, **values).one()


_insert_imported = statement(
    insert(Session).values(
        columns_of(Session, "id", "account_id", "title", "category", "notes", "agent", "model", "metadata", "message_count", "is_branched")
        | columns_of(Session, "is_pinned", "is_archived", "created_at", "updated_at", "last_active_at")
        | {"is_active": False, "title_state": TITLE_GIVEN, "suggestions": _NOTHING}
    )
)


def insert_imported(tx: Transaction, **values: Any) -> None:
    """A conversation of another time: with its own times, and at rest."""
    tx.run(_insert_imported, **values)


_find = statement(select(*_columns).where(Session.id == bindparam("session_id"), Session.account_id == bindparam("account_id")))


def find_session(tx: Transaction, session_id: UUID, account_id: UUID) -> Any:
    return tx.run(_find, session_id=session_id, account_id=account_id).one_or_none()


_use = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == bindparam("account_id", type_=Id()))
    .values(
        message_count=Session.message_count + bindparam("added", type_=Integer()),
        last_active_at=bindparam("now", type_=UtcTime()),
        is_active=True,
    )
    .returning(Session.id, Session.title, Session.agent, Session.model, Session.is_branched, Session.message_count)
)


def use_session(tx: Transaction, session_id: UUID, account_id: UUID, *, added: int) -> Any:
    """What a turn needs of the session, now locked, woken and with `added` more messages counted; None when it is not this account's."""
    return tx.run(_use, session_id=session_id, account_id=account_id, added=added, now=tx.now()).one_or_none()


_add_message = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == bindparam("account_id", type_=Id()))
    .values(message_count=Session.message_count + 1)
    .returning(Session.message_count, Session.is_branched)
)


def add_message(tx: Transaction, session_id: UUID, account_id: UUID) -> Any:
    """The session, locked, with one more message counted. Its last use was the question: two indexes know that time, and need not be written again."""
    return tx.run(_add_message, session_id=session_id, account_id=account_id).one_or_none()


_add_messages = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == bindparam("account_id", type_=Id()))
    .values(message_count=Session.message_count + bindparam("added", type_=Integer()))
    .returning(Session.message_count)
)


def add_messages(tx: Transaction, session_id: UUID, account_id: UUID, added: int) -> int | None:
    """How many it has then; None when it is gone."""
    return tx.run(_add_messages, session_id=session_id, account_id=account_id, added=added).scalar_or_none()


_new_title = bindparam("new_title", type_=String())
_mark = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"))
    .values(
        is_branched=or_(Session.is_branched, bindparam("branches", type_=Boolean())),
        title=func.coalesce(func.nullif(Session.title, ""), bindparam("new_title", type_=String())),
    )
)


def mark_session(tx: Transaction, session_id: UUID, *, branches: bool, title: str) -> None:
    """That a message did not follow the newest one; and a title, if it has none yet."""
    tx.run(_mark, session_id=session_id, branches=branches, new_title=title)


_of = bindparam("account", type_=Id())
_ask_for_title = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == _of, Session.title_state == TITLE_WORDS)
    .values(title_state=TITLE_ASKED)
    .returning(Session.id)
)
_write_title = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == _of, Session.title_state == TITLE_ASKED)
    .values(columns_of(Session, "title", "suggestions") | {"title_state": TITLE_WRITTEN})
    .returning(Session.id)
)


def ask_for_title(tx: Transaction, session_id: UUID, account_id: UUID) -> bool:
    """True once: for a session that is called by its first words."""
    return tx.run(_ask_for_title, session_id=session_id, account=account_id).one_or_none() is not None


def write_title(tx: Transaction, session_id: UUID, account_id: UUID, *, title: str, suggestions: list[str]) -> bool:
    """False where it was written before, or somebody has named the session meanwhile."""
    return tx.run(_write_title, session_id=session_id, account=account_id, title=title, suggestions=suggestions).one_or_none() is not None


_change = statement(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.account_id == bindparam("owner_id", type_=Id()))
    .values(columns_of(Session, "title", "category", "notes", "agent", "model", "is_pinned", "is_archived", "metadata", "title_state", "updated_at"))
    .returning(*_columns)
)


def change_session(tx: Transaction, session_id: UUID, account_id: UUID, **values: Any) -> Any:
    return tx.run(_change, session_id=session_id, owner_id=account_id, updated_at=tx.now(), **values).one_or_none()


_delete = statement(delete(Session).where(Session.id == bindparam("session_id"), Session.account_id == bindparam("account_id")).returning(Session.id))


def delete_session(tx: Transaction, session_id: UUID, account_id: UUID) -> bool:
    return tx.run(_delete, session_id=session_id, account_id=account_id).one_or_none() is not None


_before_at = bindparam("before_at", type_=UtcTime())
_any_category = bindparam("any_category", type_=Boolean())
_list = statement(
    select(*_columns)
    .where(
        Session.account_id == bindparam("account_id"),
        Session.is_archived == bindparam("archived", type_=Boolean()),
        or_(_any_category, Session.category == bindparam("category")),
        func.lower(Session.title).like(bindparam("pattern", type_=String()), escape="\\"),
        or_(
            Session.last_active_at < bindparam("before_at", type_=UtcTime()),
            and_(Session.last_active_at == bindparam("before_at", type_=UtcTime()), Session.id < bindparam("before_id", type_=Id())),
        ),
    )
    .order_by(Session.last_active_at.desc(), Session.id.desc())
    .limit(bindparam("most", type_=Integer()))
)


def list_sessions(
    tx: Transaction, account_id: UUID, *, archived: bool, category: str | None, title_has: str, before: tuple[datetime, UUID], most: int
) -> Sequence[Any]:
    """Last used first."""
    escaped = title_has.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return tx.run(
        _list,
        account_id=account_id,
        archived=archived,
        any_category=category is None,
        category=category or "",
        pattern=f"%{escaped}%",
        before_at=before[0],
        before_id=before[1],
        most=most,
    ).all()


_stale = (
    select(Session.id)
    .where(Session.is_active, Session.last_active_at < bindparam("since", type_=UtcTime()))
    .order_by(Session.last_active_at)
    .limit(bindparam("most", type_=Integer()))
)
_rest = statement(
    update(Session)
    .where(Session.id.in_(_stale), Session.is_active, Session.last_active_at < bindparam("since", type_=UtcTime()))
    .values(is_active=False)
    .returning(Session.id)
)


def rest_sessions(tx: Transaction, since: datetime, most: int) -> int:
    """Up to `most` sessions that were not used since then become inactive, those that wait longest first; how many. One that is used meanwhile stays awake."""
    return len(tx.run(_rest, since=since, most=most).all())


_ids_page = statement(
    select(Session.id)
    .where(Session.account_id == bindparam("account_id"), Session.id > bindparam("after", type_=Id()))
    .order_by(Session.id)
    .limit(bindparam("most", type_=Integer()))
)


def session_ids_after(tx: Transaction, account_id: UUID, after: UUID, most: int) -> list[UUID]:
    """Oldest first."""
    return tx.run(_ids_page, account_id=account_id, after=after, most=most).scalars()


_active = statement(select(Session.account_id).where(Session.is_active, in_ids(Session.account_id, "account_ids")).group_by(Session.account_id))


def having_active_session(tx: Transaction, account_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the accounts that have one."""
    return frozenset(tx.run(_active, account_ids=list(account_ids)).scalars())


_ids = statement(select(Session.id).where(Session.account_id == bindparam("account_id")))


def session_ids(tx: Transaction, account_id: UUID) -> list[UUID]:
    return tx.run(_ids, account_id=account_id).scalars()
