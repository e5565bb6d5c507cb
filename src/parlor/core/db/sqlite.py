"""SQLite as a server's database: one writer thread with group commit, a few readers, nothing shared between them but the file.

The writer takes the functions that wait (capped by count and by time), runs each behind its own savepoint and commits them together, so that
one fsync serves many. The first of a batch needs no savepoint: going back to its beginning is ROLLBACK. Results are handed out only after COMMIT.
When SQLite has rolled the whole batch back (a full disk does) or COMMIT fails, the batch is done again, one function a transaction.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from parlor.core.clock import Clock
from parlor.core.db.statement import SQLITE, Statement
from parlor.core.db.transaction import Poisoned, Result, run_callbacks
from parlor.core.errors import ParlorError, StorageFull, Unavailable
from parlor.core.threads import Pending, Threads, hand_out

T = TypeVar("T")

BATCH_MOST = 64
BATCH_SECONDS = 0.02
BUSY_SECONDS = 30.0
BUSY_PAUSE_SECONDS = 0.0005
"""Another process (a command) may hold the write lock. SQLite's own busy handler backs off to 100 ms and starves beside a busy writer, so we ask ourselves."""

_CLOSING = "The database is closing."
_PRAGMAS = """
PRAGMA foreign_keys = ON;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
PRAGMA mmap_size = 268435456;
"""


def connect(path: Path, *, is_writer: bool) -> sqlite3.Connection:
    """A connection with our settings. `secure_delete` from the first page on, so that erased text leaves no bytes behind.

    ON, because FAST leaves the text in pages that become free as a whole. It costs a write for each of those, and a turn frees none.
    """
    mode = "rwc" if is_writer else "ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=BUSY_SECONDS
    )
    try:
        _prepare(connection, is_writer=is_writer)
    except BaseException:  # not a database, or a full disk
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, *, is_writer: bool) -> None:
    if is_writer:
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA journal_size_limit = 67108864").fetchall()
    connection.executescript(_PRAGMAS)
    # a writer asks again itself, see `begin_immediate`; until here another process that opens the same new file was waited for by SQLite
    connection.execute("PRAGMA busy_timeout = 0" if is_writer else "PRAGMA query_only = ON").fetchall()


def begin_immediate(connection: sqlite3.Connection, seconds: float = BUSY_SECONDS) -> None:
    """BEGIN IMMEDIATE, asking again while another process writes; raises `Unavailable` when that lasts longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            if time.monotonic() > deadline:
                raise Unavailable("The database is locked by another process.", retry_after_seconds=2) from error
            time.sleep(BUSY_PAUSE_SECONDS)


def _is_busy(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _translated(error: BaseException) -> BaseException:
    """A driver's error in our terms where it means something to a caller."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return Unavailable("The database does not answer.", retry_after_seconds=2)
    return error


class SqliteTransaction:
    is_postgres = False

    __slots__ = ("_clock", "_connection", "_now", "callbacks", "failure")

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self.callbacks: list[Callable[[], None]] = []
        self.failure: BaseException | None = None

    def run(self, statement: Statement, /, **values: Any) -> Result:
        compiled = statement.on(SQLITE)
        parameters = compiled.bind(values)
        if self.failure is not None:
            raise Poisoned("an earlier statement of this transaction failed") from self.failure
        try:
            # fetchall at once: a RETURNING clause takes effect only when it has been read to its end
            return Result(compiled.rows(self._connection.execute(compiled.sql, parameters).fetchall()))
        except BaseException as error:
            self.failure = error
            raise

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]], /) -> None:
        compiled = statement.on(SQLITE)
        parameters = [compiled.bind(row) for row in rows]
        if self.failure is not None:
            raise Poisoned("an earlier statement of this transaction failed") from self.failure
        try:
            self._connection.executemany(compiled.sql, parameters)
        except BaseException as error:
            self.failure = error
            raise

    def now(self) -> datetime:
        if self._now is None:
            self._now = self._clock.now()
        return self._now

    def after_commit(self, fn: Callable[[], None], /) -> None:
        self.callbacks.append(fn)


class _Work(Pending):
    """A function that waits for its transaction."""

    __slots__ = ("callbacks", "fn", "is_bulk")

    def __init__(self, fn: Callable[[Any], Any], *, is_bulk: bool = False) -> None:
        super().__init__()
        self.fn = fn
        self.is_bulk = is_bulk
        self.callbacks: Sequence[Callable[[], None]] = ()

    def hand_out(self) -> None:
        """The callbacks of a committed function run even when nobody waits for its result any more."""
        if self.error is None:
            run_callbacks(self.callbacks)
        super().hand_out()


class _Scrubbing(_Work):
    """No transaction: the write-ahead log is copied into the file and cut to nothing."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, is_bulk=True)


class _Writer(threading.Thread):
    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(name="parlor-sqlite-writer", daemon=True)
        self._clock = clock
        self._connection = connect(path, is_writer=True)
        self._submitted: SimpleQueue[_Work | None] = SimpleQueue()
        """None is the end. Waiting here costs nothing in Python, unlike a condition."""
        self._bulk: deque[_Work] = deque()
        """Of this thread alone: bulk work that has been seen, and waits until nothing urgent does."""
        self._door = threading.Lock()
        self._is_closing = False

    def submit(self, work: _Work) -> None:
        with self._door:
            if self._is_closing:
                raise Unavailable(_CLOSING)
            self._submitted.put(work)

    def close(self) -> None:
        """What was submitted before is still done."""
        with self._door:
            self._is_closing = True
            self._submitted.put(None)
        self.join()

    def run(self) -> None:
        while (first := self._first_of_a_batch()) is not None:
            batch = [first]
            if isinstance(first, _Scrubbing):
                self._scrub(first)
            else:
                self._commit_together(batch)
            if len(batch) == 1:
                hand_out(first.loop, batch)
            else:
                for loop in {work.loop for work in batch}:
                    hand_out(loop, [work for work in batch if work.loop is loop])
        self._connection.close()

    def _first_of_a_batch(self) -> _Work | None:
        """Whatever is urgent, else bulk work; None once it is the end and all is done."""
        while (work := self._next_urgent(block=not self._bulk and not self._is_closing)) is None:
            if self._bulk:
                return self._bulk.popleft()
            if self._is_closing and self._submitted.empty():
                return None
        return work

    def _next_urgent(self, *, block: bool) -> _Work | None:
        """None when there is none now, also after waiting for one."""
        try:
            while (work := self._submitted.get(block)) is not None and work.is_bulk:
                self._bulk.append(work)
                block = False
        except Empty:
            return None
        return work

    def _another(self, taken: int, since: float) -> _Work | None:
        if taken >= BATCH_MOST or self._submitted.empty() or time.monotonic() - since > BATCH_SECONDS:
            return None
        return self._next_urgent(block=False)

    def _commit_together(self, batch: list[_Work]) -> None:
        """Run the batch, and what arrives meanwhile, in one transaction. `batch` grows by what was taken."""
        try:
            begin_immediate(self._connection)
        except BaseException as error:
            self._fail(batch, error)
            return
        since, first = time.monotonic(), batch[0]
        self._run_function(first)
        if first.error is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")  # there is nothing else in it yet, and the next batch begins anew
            return
        while self._connection.in_transaction and (work := self._another(len(batch), since)) is not None:
            batch.append(work)
            self._run_behind_savepoint(work)
        if not self._connection.in_transaction or not self._commits():  # SQLite has rolled everything back, not only a savepoint
            for each in batch:
                self._run_alone(each)

    def _run_behind_savepoint(self, work: _Work) -> None:
        """Savepoints are left open: COMMIT ends them all, and ROLLBACK TO means the newest of that name."""
        self._connection.execute("SAVEPOINT f")
        self._run_function(work)
        if work.error is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO f")

    def _scrub(self, work: "_Scrubbing") -> None:
        """Here, and not on a connection of its own: that would starve beside this thread, which takes the write lock again at once."""
        try:
            is_busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            work.error = _translated(error)
        else:
            work.error = Unavailable("The write-ahead log is in use by another process.", retry_after_seconds=2) if is_busy else None

    def _run_alone(self, work: _Work) -> None:
        try:
            begin_immediate(self._connection)
        except BaseException as error:
            self._fail([work], error)
            return
        self._run_function(work)
        if not self._connection.in_transaction:
            work.error = work.error or StorageFull()
        elif work.error is not None:
            self._connection.execute("ROLLBACK")
        else:
            self._commits(work)

    def _run_function(self, work: _Work) -> None:
        work.result, work.error, work.callbacks = None, None, ()
        tx = SqliteTransaction(self._connection, self._clock)
        try:
            work.result = work.context.run(work.fn, tx)
        except BaseException as error:
            work.error = _translated(error)
        if tx.failure is not None and (work.error is None or isinstance(work.error, Poisoned)):
            work.error = _translated(tx.failure)
        work.callbacks = tx.callbacks

    def _commits(self, alone: _Work | None = None) -> bool:
        """False when COMMIT failed and everything was rolled back; then `alone` carries the error."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if alone is not None:
                alone.error = _translated(error)
            return False
        return True

    @staticmethod
    def _fail(batch: Sequence[_Work], error: BaseException) -> None:
        for work in batch:
            work.error = _translated(error)


class SqliteDatabase:
    """`Database` on one SQLite file. Make it with `open_database`."""

    is_postgres = False

    def __init__(self, path: Path, clock: Clock, *, readers: int) -> None:
        self.path = path
        self._clock = clock
        self._writer = _Writer(path, clock)
        self._writer.start()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = Threads(readers, name="parlor-sqlite-reader", refusal=_CLOSING)

    async def write(self, fn: Callable[[Any], T], /, *, bulk: bool = False) -> T:
        work = _Work(fn, is_bulk=bulk)
        self._writer.submit(work)
        return cast("T", await work.future)

    async def scrub(self, tables: Collection[str]) -> None:
        """Deleted rows are overwritten where they stood; older copies of their pages are in the write-ahead log alone."""
        work = _Scrubbing()
        self._writer.submit(work)
        await work.future

    async def read(self, fn: Callable[[Any], T], /, *, snapshot: bool = False) -> T:
        return await self._readers.run(self._read, fn)

    def _read(self, fn: Callable[[Any], T]) -> T:
        connection = self._reader()
        tx = SqliteTransaction(connection, self._clock)
        connection.execute("BEGIN")
        try:
            return fn(tx)
        except ParlorError:
            raise
        except BaseException as error:
            raise _translated(tx.failure or error) from error
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")

    def _reader(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, is_writer=False)
            self._connections.append(connection)
        return cast("sqlite3.Connection", connection)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.close()
        for connection in self._connections:
            connection.close()
