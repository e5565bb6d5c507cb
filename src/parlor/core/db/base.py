"""The one table registry. Constraint names are derived, so that migrations can name them on both engines."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

WITHOUT_ROWID: dict[str, Any] = {"sqlite_with_rowid": False}
"""For a table whose key is not a number and which every turn writes: SQLite then keeps the rows in the key's own tree instead of in a second one."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
