"""SQLAlchemy writes the SQL, once; the driver runs it.

`statement(...)` keeps an expression; the first use on an engine compiles it to SQL text, the order of its parameters and the
converters of values. What could not work in that scheme is refused when the statement is built, not when a user meets it.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, Dialect, Executable, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as _asyncpg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean, NullType, TypeEngine

from parlor.core.db.types import Converter, IdList

SQLITE: Dialect = sqlite.dialect(paramstyle="qmark")
POSTGRES: Dialect = _asyncpg.dialect()

__all__ = ["POSTGRES", "SQLITE", "Compiled", "Statement", "columns_of", "in_ids", "insert", "statement"]


class Compiled:
    """One statement on one engine: `sql`, `bind(values)` -> parameters in order, `rows(raw)` -> named tuples."""

    __slots__ = ("_binders", "_constants", "_converters", "_make", "_names", "_pick", "sql")

    def __init__(self, expression: Executable, dialect: Dialect) -> None:
        compiled = cast("SQLCompiler", cast("Any", expression).compile(dialect=dialect))
        self.sql = compiled.string
        _refuse(compiled, self.sql)
        names = tuple(compiled.positiontup or ())
        binds = [compiled.binds[name] for name in names]
        # a literal in the expression is a parameter with a value of its own, converted once, here
        self._names = frozenset(name for name, bind in zip(names, binds, strict=True) if bind.required)
        self._constants = {name: _constant(bind, dialect) for name, bind in zip(names, binds, strict=True) if not bind.required}
        converters = [_binder(bind.type, dialect) if bind.required else None for bind in binds]
        self._binders = tuple((index, convert) for index, convert in enumerate(converters) if convert is not None)
        self._pick = _picker(names)
        columns = tuple(getattr(expression, "exported_columns", ()))
        self._converters = tuple((i, c) for i, c in enumerate(_reader(column.type, dialect) for column in columns) if c is not None)
        fields = [_row_name(column) for column in columns]
        # typed by nobody: which columns there are is known only at run time
        self._make = namedtuple("Row", fields, rename=True)._make if fields else tuple  # pyright: ignore[reportUntypedNamedTuple]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """Raises KeyError for a value that is missing and TypeError for one too many."""
        if len(values) > len(self._names):
            raise TypeError(f"no such parameter: {sorted(values.keys() - self._names)}")
        parameters = self._pick({**self._constants, **values} if self._constants else values)
        for index, convert in self._binders:
            parameters[index] = convert(parameters[index])
        return parameters

    def rows(self, raw: Iterable[Sequence[Any]]) -> list[Any]:
        make, converters = self._make, self._converters
        if not converters:
            return [make(row) for row in raw]
        rows: list[Any] = []
        for row in raw:
            values = list(row)
            for index, convert in converters:
                values[index] = convert(values[index])
            rows.append(make(values))
        return rows


class Statement:
    """Made by `statement`; run by `Transaction.run`."""

    __slots__ = ("_compiled", "_sources")

    def __init__(self, sources: Mapping[str, Executable]) -> None:
        self._sources = sources
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = Compiled(self._sources[dialect.name], dialect)
        return compiled


def statement(both: Executable | None = None, *, sqlite: Executable | None = None, postgres: Executable | None = None) -> Statement:
    """One statement for both engines, or one for each where they differ.

    Parameters are `bindparam("name")`; run with `tx.run(statement, name=value)`. Refused at first compilation (`ValueError`): columns whose `default=` would be
    left to SQLAlchemy's execution, `in_()` lists that expand at execution, and parameters without a type.
    """
    on_sqlite, on_postgres = (sqlite if sqlite is not None else both), (postgres if postgres is not None else both)
    if on_sqlite is None or on_postgres is None:
        raise ValueError("a statement needs SQL for both engines")
    return Statement({"sqlite": on_sqlite, "postgresql": on_postgres})


def columns_of(table: type[Any], *names: str) -> dict[str, BindParameter[Any]]:
    """`{"id": bindparam("id"), ...}` with the columns' types, for `insert(table).values(...)`. Checks that each is a column."""
    return {name: bindparam(name, type_=table.__table__.c[name].type) for name in names}


class in_ids(ColumnElement[bool]):  # noqa: N801  # reads as a function in a where clause
    """`column IN (...)` for a list of ids of any length, in one parameter: `in_ids(Message.id, "ids")`."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any] | Any, name: str) -> None:
        self.column = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        self.parameter = bindparam(name, type_=IdList())

    def self_group(self, against: Any = None) -> "in_ids":
        """As it is: SQLAlchemy would append `= 1` on SQLite, which has no booleans, and lose the index with it."""
        return self


@compiles(in_ids, "postgresql")
def _in_ids_postgres(element: in_ids, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY({compiler.process(element.parameter, **kw)})"


@compiles(in_ids, "sqlite")
def _in_ids_sqlite(element: in_ids, compiler: SQLCompiler, **kw: Any) -> str:
    # JSON cannot hold BLOBs and unhex() is younger than the SQLite that many systems have, so the list is cut out of one BLOB.
    # The BLOB is named once, in the recursion's seed: a positional parameter used twice would have to be given twice.
    ids = compiler.process(element.parameter, **kw)
    return (
        f"{compiler.process(element.column, **kw)} IN (WITH RECURSIVE ids(id, rest) AS (SELECT NULL, {ids} UNION ALL "
        "SELECT substr(rest, 1, 16), substr(rest, 17) FROM ids WHERE length(rest) >= 16) SELECT id FROM ids WHERE id IS NOT NULL)"
    )


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Values in the order of the parameters, without a step of Python for each."""
    if len(names) < 2:
        return lambda values: [values[name] for name in names]
    pick = itemgetter(*names)
    return lambda values: list(pick(values))


def _refuse(compiled: SQLCompiler, sql: str) -> None:
    if compiled.insert_prefetch or compiled.update_prefetch:
        columns = ", ".join(column.name for column in (*compiled.insert_prefetch, *compiled.update_prefetch))
        raise ValueError(f"a default of {columns} would never be evaluated: give the value in the statement: {sql}")
    if "POSTCOMPILE" in sql:
        raise ValueError(f"in_() and literals in index_where expand only in SQLAlchemy's own execution: use in_ids or text: {sql}")
    for name, bind in compiled.binds.items():
        if isinstance(bind.type, NullType):
            raise ValueError(f"the parameter {name!r} has no type: bindparam({name!r}, type_=...): {sql}")


def _binder(kind: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    """None where the driver takes the value as it is: SQLAlchemy's own converters are for drivers' oddities that the two here do not have."""
    if isinstance(kind, Boolean):
        return None
    return _own(kind.bind_processor, kind, dialect)


def _constant(bind: BindParameter[Any], dialect: Dialect) -> Any:
    convert = _binder(bind.type, dialect)
    return bind.value if convert is None else convert(bind.value)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    if isinstance(kind, Boolean):
        return _to_bool if dialect.name == "sqlite" else None
    if isinstance(kind, NullType):
        return None
    return _own(lambda dialect: kind.result_processor(dialect, None), kind, dialect)


def _own(find: Callable[[Dialect], Converter | None], kind: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    return find(dialect) if hasattr(kind, "on_postgres") else cast("Converter | None", None)


def _to_bool(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _row_name(column: Any) -> str:
    return str(getattr(column, "key", None) or getattr(column, "name", ""))
