"""The SQL of connections."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, String, bindparam, delete, func, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement
from parlor.tools.composio.tables import ComposioConnection

_NAMES = (
    "id", "account_id", "connected_account_id", "toolkit", "auth_config_id", "status", "status_reason", "polls", "created_at", "updated_at", "watch_until",
)  # fmt: skip
_COLUMNS = tuple(ComposioConnection.__table__.c[name] for name in _NAMES)
_IS_IT = ComposioConnection.id == bindparam("connection", type_=Id())
_IS_OWN = ComposioConnection.account_id == bindparam("account", type_=Id())
_WHEN = bindparam("now", type_=UtcTime())

_add = statement(insert(ComposioConnection).values(**columns_of(ComposioConnection, *_NAMES)).on_conflict_do_nothing().returning(*_COLUMNS))

_find = statement(select(*_COLUMNS).where(_IS_IT))

_find_own = statement(select(*_COLUMNS).where(_IS_IT, _IS_OWN))

_page = statement(
    select(*_COLUMNS)
    .where(_IS_OWN, ComposioConnection.id < bindparam("before", type_=Id()))
    .order_by(ComposioConnection.id.desc())
    .limit(bindparam("most", type_=Integer()))
)

_open_ones = statement(
    select(*_COLUMNS)
    .where(_IS_OWN, or_(ComposioConnection.status == "active", ComposioConnection.status == "initiated"))
    .order_by(ComposioConnection.id.desc())
)

_count = statement(select(func.count()).where(_IS_OWN, ComposioConnection.status == "initiated").select_from(ComposioConnection))

_move = statement(
    update(ComposioConnection)
    .where(_IS_IT, ComposioConnection.status == bindparam("before", type_=String()))
    .values(status=bindparam("status", type_=String()), status_reason=bindparam("reason", type_=String()), updated_at=_WHEN)
    .returning(*_COLUMNS)
)

_count_poll = statement(
    update(ComposioConnection)
    .where(_IS_IT, ComposioConnection.polls == bindparam("poll", type_=Integer()), ComposioConnection.status == "initiated")
    .values(polls=ComposioConnection.polls + 1)
    .returning(*_COLUMNS)
)

_remove = statement(delete(ComposioConnection).where(_IS_IT, _IS_OWN).returning(ComposioConnection.connected_account_id))

_remove_all = statement(delete(ComposioConnection).where(_IS_OWN).returning(ComposioConnection.connected_account_id))


def add(tx: Transaction, **values: Any) -> Any:
    """None when that connected account is somebody's already."""
    return tx.run(_add, **values, status="initiated", status_reason=None, polls=0, created_at=tx.now(), updated_at=tx.now()).one_or_none()


def find(tx: Transaction, connection_id: UUID) -> Any:
    """Anybody's: for the watch."""
    return tx.run(_find, connection=connection_id).one_or_none()


def find_own(tx: Transaction, account_id: UUID, connection_id: UUID) -> Any:
    return tx.run(_find_own, account=account_id, connection=connection_id).one_or_none()


def page(tx: Transaction, account_id: UUID, before: UUID, most: int) -> Sequence[Any]:
    """The newest first."""
    return tx.run(_page, account=account_id, before=before, most=most).all()


def open_ones(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    """Active or initiated, the newest first."""
    return tx.run(_open_ones, account=account_id).all()


def count_initiated(tx: Transaction, account_id: UUID) -> int:
    return tx.run(_count, account=account_id).scalar()


def move(tx: Transaction, connection_id: UUID, before: str, status: str, reason: str | None) -> Any:
    """The connection with its new status; None when it was not as it was `before`, or is gone."""
    return tx.run(_move, connection=connection_id, before=before, status=status, reason=reason, now=tx.now()).one_or_none()


def count_poll(tx: Transaction, connection_id: UUID, poll: int) -> Any:
    """None when that look was counted already, or there is nothing to look for any more."""
    return tx.run(_count_poll, connection=connection_id, poll=poll).one_or_none()


def remove(tx: Transaction, account_id: UUID, connection_id: UUID) -> str | None:
    """Composio's id of what is forgotten here."""
    return tx.run(_remove, account=account_id, connection=connection_id).scalar_or_none()


def remove_all(tx: Transaction, account_id: UUID) -> Sequence[str]:
    return tx.run(_remove_all, account=account_id).scalars()
