"""Every SQL statement about the definitions of tools."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, String, bindparam, delete, func, literal_column, select, update

from parlor.core.db import Id, Transaction, columns_of, insert, statement
from parlor.tools.mcp.tables import ToolPin

_COLUMNS = tuple(ToolPin.__table__.c)
_KEY = ToolPin.server_key == bindparam("of_key", type_=String())
_TOOL = ToolPin.tool == bindparam("of_tool", type_=String())
_OWNER = bindparam("of_owner", type_=Id())

_of_server = statement(select(*_COLUMNS).where(_KEY).order_by(ToolPin.tool))
_of_operator = statement(select(*_COLUMNS).where(ToolPin.owner_id.is_(None)).order_by(ToolPin.server_key, ToolPin.tool))
_of_owner = statement(select(*_COLUMNS).where(ToolPin.owner_id == _OWNER).order_by(ToolPin.server_key, ToolPin.tool))
_stamp_of_operator = statement(select(func.count().label("number"), func.max(ToolPin.updated_at).label("newest")).where(ToolPin.owner_id.is_(None)))
_stamp_of_owner = statement(select(func.count().label("number"), func.max(ToolPin.updated_at).label("newest")).where(ToolPin.owner_id == _OWNER))

_add = statement(insert(ToolPin).values(columns_of(ToolPin, *(column.key for column in _COLUMNS))).on_conflict_do_nothing().returning(ToolPin.tool))
_change = statement(
    update(ToolPin)
    .where(_KEY, _TOOL)
    .values(columns_of(ToolPin, "approved_hash", "approved", "pending_hash", "pending", "is_listed", "approved_at", "approved_by", "updated_at"))
    .returning(ToolPin.tool)
)
_remove_of_server = statement(delete(ToolPin).where(_KEY).returning(ToolPin.tool))
_remove_of_owner = statement(delete(ToolPin).where(ToolPin.owner_id == _OWNER).returning(ToolPin.tool))
_unname = statement(update(ToolPin).where(ToolPin.approved_by == _OWNER).values(approved_by=None).returning(ToolPin.tool))

_alone = statement(
    sqlite=select(literal_column("1", BigInteger)),  # one writer: nobody can come between
    postgres=select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of_key", type_=String()), literal_column("7", BigInteger)))),
)


def lock_server(tx: Transaction, key: str) -> None:
    """Until the end of the transaction nobody else pins tools of this server, or counts the servers of this owner."""
    if tx.is_postgres:
        tx.run(_alone, of_key=key)


def of_server(tx: Transaction, key: str) -> list[Any]:
    return tx.run(_of_server, of_key=key).all()


def of_owner(tx: Transaction, owner_id: UUID | None) -> list[Any]:
    """None: of the operator's servers."""
    return tx.run(_of_operator).all() if owner_id is None else tx.run(_of_owner, of_owner=owner_id).all()


def stamp(tx: Transaction, owner_id: UUID | None) -> tuple[Any, ...]:
    """Another one whenever a pin was added, changed or removed."""
    return tuple(tx.run(_stamp_of_operator).one() if owner_id is None else tx.run(_stamp_of_owner, of_owner=owner_id).one())


def add(tx: Transaction, **values: Any) -> bool:
    """False when the tool is there already."""
    return tx.run(_add, **values).one_or_none() is not None


def change(tx: Transaction, key: str, tool: str, values: Mapping[str, Any]) -> None:
    tx.run(_change, of_key=key, of_tool=tool, **values)


def remove_of_server(tx: Transaction, key: str) -> int:
    return len(tx.run(_remove_of_server, of_key=key).all())


def remove_of_owner(tx: Transaction, owner_id: UUID) -> int:
    return len(tx.run(_remove_of_owner, of_owner=owner_id).all())


def unname(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_unname, of_owner=account_id).all())
