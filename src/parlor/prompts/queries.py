"""Every SQL statement about prompt customizations.

Each names the account in its own WHERE. On Postgres each also says to the database, for the rest of the transaction, for whom it asks: row-level security then
shows and takes the rows of that account alone, even if a WHERE should be wrong one day.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, String, bindparam, delete, func, literal_column, or_, select, true, update

from parlor.core.db import Id, Transaction, columns_of, insert, statement
from parlor.prompts.customization import Customization, Stamp
from parlor.prompts.tables import PromptCustomization as Row

_COLUMNS = (
    Row.id,
    Row.account_id,
    Row.agent_name,
    Row.mode,
    Row.slot,
    Row.content,
    Row.priority,
    Row.is_active,
    Row.base_version,
    Row.created_at,
    Row.updated_at,
)
_NOTHING = select(literal_column("1", BigInteger))


def _set(setting: str, value: Any) -> Any:
    return statement(sqlite=_NOTHING, postgres=select(func.set_config(literal_column(f"'{setting}'", String()), value, true())))


_ask_for = _set("parlor.account_id", bindparam("account", type_=String()))
_ask_for_all = _set("parlor.is_operator", literal_column("'on'", String()))


def ask_for(tx: Transaction, account_id: UUID) -> None:
    """Until the end of the transaction its statements see the rows of this account alone (Postgres)."""
    if tx.is_postgres:
        tx.run(_ask_for, account=str(account_id))


def ask_for_all(tx: Transaction) -> None:
    """Until the end of the transaction its statements see all rows: for what the operator does to the whole database, never for a request."""
    if tx.is_postgres:
        tx.run(_ask_for_all)


_own = Row.account_id == bindparam("owner", type_=Id())
_of_agent = Row.agent_name == bindparam("agent", type_=String())
_this = Row.id == bindparam("customization", type_=Id())

_lock = statement(
    sqlite=_NOTHING,  # one writer: nobody can come between
    postgres=select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("account", type_=String()), literal_column("8", BigInteger)))),
)
_count = statement(select(func.count().label("in_all"), func.count().filter(_of_agent).label("of_agent")).select_from(Row).where(_own))


def count(tx: Transaction, account_id: UUID, agent_name: str) -> tuple[int, int]:
    """How many the account has, and how many of them over that agent. Until the end of the transaction nobody else adds to them."""
    ask_for(tx, account_id)
    if tx.is_postgres:
        tx.run(_lock, account=str(account_id))
    row = tx.run(_count, owner=account_id, agent=agent_name).one()
    return row.in_all, row.of_agent


_add = statement(
    insert(Row)
    .values(
        columns_of(Row, "id", "account_id", "agent_name", "mode", "slot", "content", "priority", "is_active", "base_version", "created_at", "updated_at")
        | {"revision": 1}
    )
    .returning(*_COLUMNS)
)


def add(tx: Transaction, account_id: UUID, **values: Any) -> Customization:
    ask_for(tx, account_id)
    return Customization(*tx.run(_add, account_id=account_id, created_at=tx.now(), updated_at=tx.now(), **values).one())


_change = statement(
    update(Row)
    .where(_own, _this)
    .values(columns_of(Row, "agent_name", "mode", "slot", "content", "priority", "is_active", "base_version", "updated_at") | {"revision": Row.revision + 1})
    .returning(*_COLUMNS)
)


def change(tx: Transaction, account_id: UUID, customization_id: UUID, **values: Any) -> Customization | None:
    ask_for(tx, account_id)
    row = tx.run(_change, owner=account_id, customization=customization_id, updated_at=tx.now(), **values).one_or_none()
    return None if row is None else Customization(*row)


_find = statement(select(*_COLUMNS).where(_own, _this))
_remove = statement(delete(Row).where(_own, _this).returning(Row.agent_name))


def find(tx: Transaction, account_id: UUID, customization_id: UUID) -> Customization | None:
    ask_for(tx, account_id)
    row = tx.run(_find, owner=account_id, customization=customization_id).one_or_none()
    return None if row is None else Customization(*row)


def remove(tx: Transaction, account_id: UUID, customization_id: UUID) -> str | None:
    """The name of the agent that it was over; None when there was none."""
    ask_for(tx, account_id)
    return tx.run(_remove, owner=account_id, customization=customization_id).scalar_or_none()


_any_agent = bindparam("any_agent", type_=Boolean())
_page = statement(
    select(*_COLUMNS)
    .where(_own, or_(_any_agent, _of_agent), Row.id < bindparam("before", type_=Id()))
    .order_by(Row.id.desc())
    .limit(bindparam("most", type_=Integer()))
)


def page(tx: Transaction, account_id: UUID, agent_name: str | None, before: UUID, most: int) -> Sequence[Customization]:
    """The newest first."""
    ask_for(tx, account_id)
    rows = tx.run(_page, owner=account_id, any_agent=agent_name is None, agent=agent_name or "", before=before, most=most).all()
    return [Customization(*row) for row in rows]


_page_of_all = statement(
    select(*_COLUMNS)
    .where(or_(bindparam("any_agent", type_=Boolean()), _of_agent), Row.id < bindparam("before", type_=Id()))
    .order_by(Row.id.desc())
    .limit(bindparam("most", type_=Integer()))
)


def page_of_all(tx: Transaction, agent_name: str | None, before: UUID, most: int) -> Sequence[Customization]:
    """Of everybody, the newest first: for the operator's command line."""
    ask_for_all(tx)
    return [Customization(*row) for row in tx.run(_page_of_all, any_agent=agent_name is None, agent=agent_name or "", before=before, most=most).all()]


_active = statement(select(*_COLUMNS).where(_own, _of_agent, Row.is_active).order_by(Row.priority, Row.id))
_stamp = statement(select(Row.id, Row.revision).where(_own, _of_agent, Row.is_active).order_by(Row.id))


def active(tx: Transaction, account_id: UUID, agent_name: str) -> Sequence[Customization]:
    ask_for(tx, account_id)
    return [Customization(*row) for row in tx.run(_active, owner=account_id, agent=agent_name).all()]


def stamp(tx: Transaction, account_id: UUID, agent_name: str) -> Stamp:
    ask_for(tx, account_id)
    return tuple((row.id, row.revision) for row in tx.run(_stamp, owner=account_id, agent=agent_name).all())


_erase = statement(delete(Row).where(_own).returning(Row.agent_name))


def remove_all(tx: Transaction, account_id: UUID) -> Sequence[str]:
    """The names of the agents that they were over, once for each."""
    ask_for(tx, account_id)
    return tx.run(_erase, owner=account_id).scalars()
