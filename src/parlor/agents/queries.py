"""Every SQL statement about agents that people have made."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, String, bindparam, delete, func, or_, select, update

from parlor.agents.tables import AgentRow, AgentVersion
from parlor.core.db import Id, Transaction, columns_of, insert, statement

_COLUMNS = tuple(AgentRow.__table__.c)
_OF_VERSION = tuple(AgentVersion.__table__.c)
_ID = AgentRow.id == bindparam("agent", type_=Id())
_OWNER = AgentRow.owner_id == bindparam("owner", type_=Id())
_CALLED = or_(AgentRow.key == bindparam("shared_key", type_=String()), AgentRow.key == bindparam("own_key", type_=String()))

_called = statement(select(*_COLUMNS).where(_CALLED).order_by(AgentRow.key))
_stamp = statement(select(AgentRow.id, AgentRow.version).where(_CALLED).order_by(AgentRow.key))
_open = statement(select(*_COLUMNS).where(or_(AgentRow.owner_id.is_(None), _OWNER)).order_by(AgentRow.key))
_count_shared = statement(select(func.count()).select_from(AgentRow).where(AgentRow.owner_id.is_(None)))
_of_owner = statement(select(*_COLUMNS).where(_OWNER).order_by(AgentRow.name))
_count = statement(select(func.count()).select_from(AgentRow).where(_OWNER))
_add = statement(insert(AgentRow).values(columns_of(AgentRow, *(column.key for column in _COLUMNS))).on_conflict_do_nothing().returning(*_COLUMNS))
_change = statement(
    update(AgentRow)
    .where(_ID, AgentRow.version == bindparam("before", type_=Integer()))
    .values(columns_of(AgentRow, "definition", "updated_at") | {"version": AgentRow.version + 1})
    .returning(*_COLUMNS)
)
_remove = statement(delete(AgentRow).where(_ID).returning(AgentRow.id))
_remove_versions = statement(delete(AgentVersion).where(AgentVersion.agent_id == bindparam("agent", type_=Id())).returning(AgentVersion.version))
_add_version = statement(insert(AgentVersion).values(columns_of(AgentVersion, *(column.key for column in _OF_VERSION))))
_versions = statement(
    select(*_OF_VERSION)
    .where(AgentVersion.agent_id == bindparam("agent", type_=Id()), AgentVersion.version < bindparam("before", type_=Integer()))
    .order_by(AgentVersion.version.desc())
    .limit(bindparam("most", type_=Integer()))
)
_unname = statement(
    update(AgentVersion).where(AgentVersion.author_id == bindparam("author", type_=Id())).values(author_id=None).returning(AgentVersion.version)
)


def key_of(name: str, owner_id: UUID | None) -> str:
    return name if owner_id is None else f"{owner_id}/{name}"


def called(tx: Transaction, name: str, account_id: UUID) -> list[Any]:
    """The shared one and the account's own one of that name, as far as there are."""
    return tx.run(_called, shared_key=name, own_key=key_of(name, account_id)).all()


def stamp(tx: Transaction, name: str, account_id: UUID) -> tuple[tuple[UUID, int], ...]:
    """Another one after any of those has changed, come or gone."""
    return tuple((row.id, row.version) for row in tx.run(_stamp, shared_key=name, own_key=key_of(name, account_id)).all())


def open_to(tx: Transaction, account_id: UUID) -> list[Any]:
    """All shared ones, and the account's own."""
    return tx.run(_open, owner=account_id).all()


def count_shared(tx: Transaction) -> int:
    return tx.run(_count_shared).scalar()


def of_owner(tx: Transaction, account_id: UUID) -> list[Any]:
    return tx.run(_of_owner, owner=account_id).all()


def count(tx: Transaction, account_id: UUID) -> int:
    return tx.run(_count, owner=account_id).scalar()


def add(tx: Transaction, **values: Any) -> Any:
    """None when there is one with that key."""
    return tx.run(_add, **values, version=1, created_at=tx.now(), updated_at=tx.now()).one_or_none()


def change(tx: Transaction, agent_id: UUID, before: int, definition: Mapping[str, Any]) -> Any:
    """None when it is gone, or not of the version `before` any more."""
    return tx.run(_change, agent=agent_id, before=before, definition=definition, updated_at=tx.now()).one_or_none()


def remove(tx: Transaction, agent_id: UUID) -> bool:
    tx.run(_remove_versions, agent=agent_id)
    return tx.run(_remove, agent=agent_id).one_or_none() is not None


def add_version(tx: Transaction, row: Any, author_id: UUID | None) -> None:
    """What the row says now."""
    tx.run(_add_version, agent_id=row.id, version=row.version, definition=row.definition, author_id=author_id, created_at=tx.now())


def versions(tx: Transaction, agent_id: UUID, before: int, most: int) -> list[Any]:
    """The newest first."""
    return tx.run(_versions, agent=agent_id, before=before, most=most).all()


def unname(tx: Transaction, account_id: UUID) -> int:
    """That they wrote a version is forgotten."""
    return len(tx.run(_unname, author=account_id).all())
