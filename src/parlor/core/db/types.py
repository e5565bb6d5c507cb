"""Column types that mean the same on both engines. Each gives its own converters, so that a driver can be used without SQLAlchemy's execution.

`Id` is BLOB(16) / uuid, `UtcTime` integer microseconds / timestamptz, `Json` text / jsonb.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Dialect, LargeBinary, Text, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from parlor.core.ids import id_of

Converter = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of a NUL: an even number of backslashes before it are letters of the text, as in an answer about programming."""


class _OwnType(TypeDecorator[Any]):
    """A type whose conversion is ours alone on each engine: `to_sqlite` and so on are plain functions, which pass None on."""

    cache_ok = True
    on_sqlite: type[TypeEngine[Any]]
    on_postgres: type[TypeEngine[Any]]
    to_sqlite: Converter | None = None
    from_sqlite: Converter | None = None
    to_postgres: Converter | None = None
    from_postgres: Converter | None = None

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return self.on_postgres() if dialect.name == "postgresql" else self.on_sqlite()

    def bind_processor(self, dialect: Dialect) -> Converter | None:  # pyright: ignore[reportIncompatibleMethodOverride]  # narrower on purpose
        return type(self).to_postgres if dialect.name == "postgresql" else type(self).to_sqlite

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter | None:  # pyright: ignore[reportIncompatibleMethodOverride]  # narrower on purpose
        return type(self).from_postgres if dialect.name == "postgresql" else type(self).from_sqlite

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        return self


def _unless_none(convert: Converter) -> Converter:
    return lambda value: None if value is None else convert(value)


# Most values of a turn are ids, times and JSON: they look for None themselves.


def _id_to_bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.int.to_bytes(16)


def _bytes_to_id(value: bytes | None) -> UUID | None:
    return None if value is None else id_of(int.from_bytes(value))


def _driver_uuid_to_id(value: UUID | None) -> UUID | None:
    """asyncpg hands out a subclass of its own; equal, but not the type that JSON encoders know."""
    return None if value is None else id_of(value.int)


def _checked(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone: give an aware datetime")
    return value


def _time_to_microseconds(value: datetime | None) -> int | None:
    return None if value is None else (_checked(value) - _EPOCH) // _MICROSECOND


def _microseconds_to_time(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


@_unless_none
def _time_to_utc(value: datetime) -> datetime:
    # asyncpg's ends of time (datetime.min and .max, Postgres's infinities) come back without a zone
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _to_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


@_unless_none
def _no_nul_json(value: Any) -> str:
    r"""jsonb cannot hold \u0000; the edge refuses NUL in requests, so what is left comes from models and tools, where dropping it is right."""
    text = msgspec.json.encode(value).decode()
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _from_json(value: str | None) -> Any:
    return None if value is None else msgspec.json.decode(value)


@_unless_none
def _ids_to_bytes(ids: Iterable[UUID]) -> bytes:
    return b"".join(each.bytes for each in ids)


class Id(_OwnType):
    impl = LargeBinary
    on_sqlite = LargeBinary
    on_postgres = postgresql.UUID
    to_sqlite = staticmethod(_id_to_bytes)
    from_sqlite = staticmethod(_bytes_to_id)
    from_postgres = staticmethod(_driver_uuid_to_id)


class UtcTime(_OwnType):
    impl = BigInteger
    on_sqlite = BigInteger
    on_postgres = postgresql.TIMESTAMP
    to_sqlite = staticmethod(_time_to_microseconds)
    from_sqlite = staticmethod(_microseconds_to_time)
    to_postgres = staticmethod(_unless_none(_checked))
    from_postgres = staticmethod(_time_to_utc)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return postgresql.TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger()


class Json(_OwnType):
    """Any JSON value. None is SQL NULL."""

    impl = Text
    on_sqlite = Text
    on_postgres = postgresql.JSONB
    to_sqlite = staticmethod(_to_json)
    from_sqlite = staticmethod(_from_json)
    to_postgres = staticmethod(_no_nul_json)
    from_postgres = staticmethod(_from_json)


class IdList(_OwnType):
    """A parameter that holds several ids: one BLOB of 16 bytes each on SQLite, uuid[] on Postgres. For `in_ids` only."""

    impl = LargeBinary
    on_sqlite = LargeBinary
    on_postgres = postgresql.ARRAY
    to_sqlite = staticmethod(_ids_to_bytes)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return postgresql.ARRAY(postgresql.UUID()) if dialect.name == "postgresql" else LargeBinary()
