"""The one table registry. Constraint names are derived, so that migrations can name them on both engines."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, ClassVar, cast, get_args

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.sql.elements import KeyedColumnElement

ColumnOf = KeyedColumnElement
"""`ColumnOf[str | None]` is what a column is typed as: SQLAlchemy types an attribute that is a `Column` so that nobody may read it off a class."""

WITHOUT_ROWID: dict[str, Any] = {"sqlite_with_rowid": False}
"""For a table whose key is not a number and which every turn writes: SQLite then keeps the rows in the key's own tree instead of in a second one."""


class Base:
    """A table, written as a class whose attributes are its columns: `text: ColumnOf[str | None] = Column(Text)`, where `| None` means that NULL is allowed.

    Such a class stands for its table in every statement. There is no object-relational mapper behind it, which would take a tenth of each start.
    """

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __tablename__: ClassVar[str]
    __table_args__: ClassVar[tuple[Any, ...] | dict[str, Any]] = ()
    """Constraints and indexes, with options of the table as the last; or these alone."""
    __table__: ClassVar[Table]

    def __init_subclass__(cls) -> None:
        args = cls.__table_args__
        things = () if isinstance(args, dict) else args
        options = cast("dict[str, Any]", args if isinstance(args, dict) else things[-1] if things and isinstance(things[-1], dict) else {})
        parts = [each for each in things if not isinstance(each, dict)]
        cls.__table__ = Table(cls.__tablename__, cls.metadata, *_columns(cls), *parts, **options)

    @classmethod
    def __clause_element__(cls) -> Table:
        return cls.__table__


def _columns(row: type[Base]) -> Iterator[Column[Any]]:
    for name, annotation in row.__annotations__.items():
        column = vars(row).get(name)
        if isinstance(column, Column):
            if not column.name:
                column.key = column.name = name
            column.nullable = not column.primary_key and NoneType in get_args(get_args(annotation)[0])
            yield cast("Column[Any]", column)
