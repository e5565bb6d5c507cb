"""Every SQL statement about prices."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, String, bindparam, func, literal_column, select

from parlor.core.db import Transaction, columns_of, insert, statement
from parlor.wallet.tables import PriceVersion

_VERSION = (
    *(PriceVersion.id, PriceVersion.model, PriceVersion.input_micros_per_mtok, PriceVersion.output_micros_per_mtok),
    *(PriceVersion.set_by, PriceVersion.valid_from),
)
_NEWEST_FIRST = (PriceVersion.valid_from.desc(), PriceVersion.id.desc())

_ranked = select(*_VERSION, func.row_number().over(partition_by=PriceVersion.model, order_by=_NEWEST_FIRST).label("place")).subquery()
_newest = statement(select(*(_ranked.c[column.key] for column in _VERSION)).where(_ranked.c.place == 1))

_versions = statement(
    select(*_VERSION).where(PriceVersion.model == bindparam("of_model", type_=String())).order_by(*_NEWEST_FIRST).limit(bindparam("most", type_=Integer()))
)
_version = statement(select(*_VERSION).where(PriceVersion.id == bindparam("version_id")))
_add = statement(insert(PriceVersion).values(columns_of(PriceVersion, *(column.key for column in _VERSION))))

_alone = statement(
    sqlite=select(literal_column("1", BigInteger)),  # one writer: nobody can come between
    postgres=select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of_model", type_=String()), literal_column("0", BigInteger)))),
)


def newest(tx: Transaction) -> list[Any]:
    """The newest version of every model that has one."""
    return tx.run(_newest).all()


def versions(tx: Transaction, model: str, most: int) -> list[Any]:
    """Of one model, the newest first."""
    return tx.run(_versions, of_model=model, most=most).all()


def find_version(tx: Transaction, version_id: UUID) -> Any:
    return tx.run(_version, version_id=version_id).one_or_none()


def lock_model(tx: Transaction, model: str) -> None:
    """Until the end of the transaction nobody else sets a price of this model. A model without one has no row that could be locked."""
    if tx.is_postgres:
        tx.run(_alone, of_model=model)


def add_version(
    tx: Transaction, *, version_id: UUID, model: str, input_micros_per_mtok: int, output_micros_per_mtok: int, set_by: UUID | None, valid_from: datetime
) -> None:
    prices = {"input_micros_per_mtok": input_micros_per_mtok, "output_micros_per_mtok": output_micros_per_mtok}
    tx.run(_add, id=version_id, model=model, set_by=set_by, valid_from=valid_from, **prices)
