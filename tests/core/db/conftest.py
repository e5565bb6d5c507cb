"""A table of every column type, in a registry of its own so that it never reaches a migration."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, LargeBinary, MetaData, String, Text, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable

from parlor.core.db import Database, Id, Json, Transaction, UtcTime, statement


class Registry(DeclarativeBase):
    metadata = MetaData()


class Specimen(Registry):
    __tablename__ = "specimens"
    __table_args__ = (Index("uq_specimens_one_open", "label", unique=True, sqlite_where=text("is_open"), postgresql_where=text("is_open")),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcTime)
    body: Mapped[Any] = mapped_column(Json, nullable=True)
    label: Mapped[str | None] = mapped_column(String(50))
    story: Mapped[str | None] = mapped_column(Text)
    count: Mapped[int | None] = mapped_column(Integer)
    micros: Mapped[int | None] = mapped_column(BigInteger)
    is_open: Mapped[bool | None] = mapped_column(Boolean)
    share: Mapped[float | None] = mapped_column(Float)
    bytes_: Mapped[bytes | None] = mapped_column("bytes", LargeBinary)


def _run_ddl(sql: str) -> Callable[[Transaction], None]:
    one = statement(text(sql))

    def run(tx: Transaction) -> None:
        tx.run(one)

    return run


@pytest.fixture
async def specimens(db: Database) -> Database:
    """The database with an empty table of `Specimen`."""
    dialect = postgresql.dialect() if db.is_postgres else sqlite.dialect()
    await db.write(_run_ddl(str(CreateTable(Specimen.__table__).compile(dialect=dialect))))
    for index in Specimen.__table__.indexes:
        await db.write(_run_ddl(str(CreateIndex(index).compile(dialect=dialect))))
    return db
