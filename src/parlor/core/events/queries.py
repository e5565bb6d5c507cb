"""Every SQL statement of the events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, null, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement
from parlor.core.events.event import StoredEvent
from parlor.core.events.tables import OutboxRow

_COLUMNS = ("id", "name", "body", "account_id", "actor", "address", "request_id", "created_at")

_add = statement(insert(OutboxRow).values(columns_of(OutboxRow, *_COLUMNS)))

_find = statement(select(*(OutboxRow.__table__.c[name] for name in _COLUMNS)).where(OutboxRow.id == bindparam("id")))

_of_account = statement(
    select(*(OutboxRow.__table__.c[name] for name in _COLUMNS))
    .where(OutboxRow.account_id == bindparam("account_id"), OutboxRow.id > bindparam("after", type_=Id()))
    .order_by(OutboxRow.id)
    .limit(bindparam("most", type_=Integer()))
)

_remove_old = statement(
    delete(OutboxRow)
    .where(
        OutboxRow.id.in_(
            select(OutboxRow.id)
            .where(OutboxRow.created_at < bindparam("before", type_=UtcTime()))
            .order_by(OutboxRow.created_at)
            .limit(bindparam("most", type_=Integer()))
        )
    )
    .returning(OutboxRow.id)
)

_remove_of_account = statement(delete(OutboxRow).where(OutboxRow.account_id == bindparam("account_id")).returning(OutboxRow.id))


_unname_actor = statement(
    update(OutboxRow)
    .where(OutboxRow.actor == bindparam("who", type_=OutboxRow.actor.type), OutboxRow.address.is_not(None))
    .values(address=null())
    .returning(OutboxRow.id)
)


def add(tx: Transaction, **values: Any) -> None:
    tx.run(_add, **values)


def find(tx: Transaction, event_id: UUID) -> StoredEvent | None:
    row = tx.run(_find, id=event_id).one_or_none()
    return None if row is None else StoredEvent(*row)


def of_account(tx: Transaction, account_id: UUID, after: UUID, most: int) -> list[StoredEvent]:
    """Oldest first, those behind the event `after`."""
    return [StoredEvent(*row) for row in tx.run(_of_account, account_id=account_id, after=after, most=most).all()]


def remove_old(tx: Transaction, before: datetime, most: int) -> int:
    return len(tx.run(_remove_old, before=before, most=most).all())


def remove_of_account(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_remove_of_account, account_id=account_id).all())


def unname_actor(tx: Transaction, actor: str) -> int:
    """Forget from which addresses somebody did what. How many events were changed."""
    return len(tx.run(_unname_actor, who=actor).all())
