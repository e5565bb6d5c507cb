"""What a function of a transaction sees: the same on both engines."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from parlor.core.db.statement import Statement

T = TypeVar("T")


class Result:
    """The rows of one statement, already fetched. Rows are named tuples."""

    __slots__ = ("_rows",)

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def all(self) -> list[Any]:
        return self._rows

    def one(self) -> Any:
        """The only row; raises LookupError when there is none, or more than one."""
        if len(self._rows) != 1:
            raise LookupError(f"expected one row, found {len(self._rows)}")
        return self._rows[0]

    def one_or_none(self) -> Any:
        return self.one() if self._rows else None

    def scalar(self) -> Any:
        """The first column of the only row."""
        return self.one()[0]

    def scalar_or_none(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalars(self) -> list[Any]:
        return [row[0] for row in self._rows]


class Transaction(Protocol):
    """One transaction, inside a synchronous function given to `Database.read` or `Database.write`.

    After a statement has failed nothing more may be run on it, and it is rolled back whatever the function does: never catch a constraint error, say
    `ON CONFLICT DO NOTHING RETURNING` and look whether a row came back.
    """

    is_postgres: bool

    def run(self, statement: Statement, /, **values: Any) -> Result: ...

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]], /) -> None:
        """The same statement for many rows, without results."""
        ...

    def now(self) -> datetime:
        """The time of this transaction: the database's clock on Postgres, `Clock` on SQLite. The same each time it is asked."""
        ...

    def after_commit(self, fn: Callable[[], None], /) -> None:
        """Run `fn` on the event loop once this transaction is committed. Never when it is not."""
        ...


class Database(Protocol):
    """Runs synchronous functions as transactions. A function may run more than once, and on another thread: no side effects, nothing slow (20 ms at most)."""

    is_postgres: bool

    async def read(self, fn: Callable[[Transaction], T], /, *, snapshot: bool = False) -> T:
        """Run `fn` on a connection that cannot write. With `snapshot` all its statements see one state of the database."""
        ...

    async def write(self, fn: Callable[[Transaction], T], /, *, bulk: bool = False) -> T:
        """Run `fn` as one transaction; its result is handed out only after COMMIT. `bulk` work waits behind everything else (SQLite)."""
        ...

    async def scrub(self, tables: Collection[str]) -> None:
        """Take what was deleted from these tables out of the files as well, as far as they are ours: see docs/privacy.md. May be done again at any time.

        Raises `Unavailable` when somebody who reads or writes keeps it from being done now.
        """
        ...

    async def close(self) -> None: ...


def run_callbacks(callbacks: Iterable[Callable[[], None]]) -> None:
    """On the loop, after COMMIT. One that fails is reported to the loop and takes neither the others nor the result of the transaction with it."""
    for callback in callbacks:
        try:
            callback()
        except Exception as error:
            context = {"message": "a callback after a commit failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


class Poisoned(RuntimeError):
    """A function went on after a statement of its transaction had failed."""
