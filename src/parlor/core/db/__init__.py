"""The database port: synchronous functions of a transaction, on SQLite and Postgres alike.

Rooms use `Database`, `Transaction`, `statement` and the column types; which engine runs is a setting.
"""

from parlor.core.db.base import WITHOUT_ROWID, Base, ColumnOf
from parlor.core.db.settings import DatabaseSettings
from parlor.core.db.statement import Statement, columns_of, in_ids, insert, statement
from parlor.core.db.transaction import Database, Result, Transaction
from parlor.core.db.types import Id, Json, UtcTime

__all__ = [
    "WITHOUT_ROWID", "Base", "ColumnOf", "Database", "DatabaseSettings", "Id", "Json", "Result", "Statement", "Transaction", "UtcTime", "columns_of", "in_ids",
    "insert", "statement",
]  # fmt: skip
