"""Every SQL statement about servers that were added over the API."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import String, bindparam, delete, func, select, update

from parlor.core.db import Id, Transaction, columns_of, insert, statement
from parlor.tools.mcp.tables import McpServerRow

_COLUMNS = tuple(McpServerRow.__table__.c)
_KEY = McpServerRow.key == bindparam("of_key", type_=String())
_OWNER = bindparam("of_owner", type_=Id())
_CHANGEABLE = (
    *("transport", "url", "description", "groups", "require_approval", "timeout_ms", "uses_sign_in", "is_enabled"),
    *("header_names", "headers_sealed", "updated_at"),
)

_all = statement(select(*_COLUMNS).order_by(McpServerRow.key))
_of_owner = statement(select(*_COLUMNS).where(McpServerRow.owner_id == _OWNER).order_by(McpServerRow.name))
_find = statement(select(*_COLUMNS).where(_KEY))
_count = statement(select(func.count().label("number")).where(McpServerRow.owner_id == _OWNER))
_add = statement(
    insert(McpServerRow).values(columns_of(McpServerRow, *(column.key for column in _COLUMNS))).on_conflict_do_nothing().returning(McpServerRow.id)
)
_change = statement(update(McpServerRow).where(_KEY).values(columns_of(McpServerRow, *_CHANGEABLE)).returning(McpServerRow.id))
_remove = statement(delete(McpServerRow).where(_KEY).returning(McpServerRow.id))
_remove_of_owner = statement(delete(McpServerRow).where(McpServerRow.owner_id == _OWNER).returning(McpServerRow.id))
_unname = statement(update(McpServerRow).where(McpServerRow.created_by == _OWNER).values(created_by=None).returning(McpServerRow.id))


def all_rows(tx: Transaction) -> list[Any]:
    return tx.run(_all).all()


def of_owner(tx: Transaction, owner_id: UUID) -> list[Any]:
    return tx.run(_of_owner, of_owner=owner_id).all()


def find(tx: Transaction, key: str) -> Any:
    """None when there is none."""
    return tx.run(_find, of_key=key).one_or_none()


def count(tx: Transaction, owner_id: UUID) -> int:
    return tx.run(_count, of_owner=owner_id).scalar()


def add(tx: Transaction, **values: Any) -> bool:
    """False when there is one with that key."""
    return tx.run(_add, **values).one_or_none() is not None


def change(tx: Transaction, key: str, values: Mapping[str, Any]) -> bool:
    """`values` has every column that can be changed. False when there is no such server."""
    return tx.run(_change, of_key=key, **values).one_or_none() is not None


def remove(tx: Transaction, key: str) -> bool:
    return tx.run(_remove, of_key=key).one_or_none() is not None


def remove_of_owner(tx: Transaction, owner_id: UUID) -> int:
    return len(tx.run(_remove_of_owner, of_owner=owner_id).all())


def unname(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_unname, of_owner=account_id).all())
