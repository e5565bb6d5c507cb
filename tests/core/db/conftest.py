"""A table of every column type, in a registry of its own so that it never reaches a migration."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Text, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from parlor.core.db import Base, ColumnOf, Database, Id, Json, Transaction, UtcTime, statement


class Specimen(Base):
    metadata = MetaData()
    __tablename__ = "specimens"
    __table_args__ = (Index("uq_specimens_one_open", "label", unique=True, sqlite_where=text("is_open"), postgresql_where=text("is_open")),)

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    at: ColumnOf[datetime | None] = Column(UtcTime)
    body: ColumnOf[Any | None] = Column(Json)
    label: ColumnOf[str | None] = Column(String(50))
    story: ColumnOf[str | None] = Column(Text)
    count: ColumnOf[int | None] = Column(Integer)
    micros: ColumnOf[int | None] = Column(BigInteger)
    is_open: ColumnOf[bool | None] = Column(Boolean)
    share: ColumnOf[float | None] = Column(Float)
    bytes_: ColumnOf[bytes | None] = Column("bytes", LargeBinary)


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
