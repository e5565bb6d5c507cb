"""Postgres through asyncpg. A function of a transaction stays synchronous: it runs in a greenlet that yields to the loop while the driver waits."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy.util import await_only, greenlet_spawn

from parlor.core.db.settings import DatabaseSettings
from parlor.core.db.statement import POSTGRES, Statement
from parlor.core.db.transaction import Poisoned, Result, run_callbacks
from parlor.core.errors import ParlorError, StorageFull, Unavailable

T = TypeVar("T")

ATTEMPTS = 5
"""Deadlocks and serialisation failures are Postgres asking for another try."""

REWRITTEN_MOST_BYTES = 256 * 1024 * 1024
"""With its indexes: a second or two of work."""
LOCK_MILLISECONDS = 1000
VACUUM_SECONDS = 600
_SIZES = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relname = ANY ($1) AND relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)

_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what it says of a connection that the server ended between two statements
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    OSError,
)


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, (asyncpg.DiskFullError, asyncpg.OutOfMemoryError)):
        return StorageFull()
    if isinstance(error, (*_GONE, TimeoutError, asyncpg.QueryCanceledError)):
        return Unavailable("The database does not answer.", retry_after_seconds=2)
    return error


class PostgresTransaction:
    is_postgres = True

    __slots__ = ("_connection", "_now", "callbacks", "failure")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._now: datetime | None = None
        self.callbacks: list[Callable[[], None]] = []
        self.failure: BaseException | None = None

    def run(self, statement: Statement, /, **values: Any) -> Result:
        compiled = statement.on(POSTGRES)
        parameters = compiled.bind(values)
        return Result(compiled.rows(self._await(lambda: self._connection.fetch(compiled.sql, *parameters))))

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]], /) -> None:
        compiled = statement.on(POSTGRES)
        parameters = [compiled.bind(row) for row in rows]
        self._await(lambda: self._connection.executemany(compiled.sql, parameters))

    def now(self) -> datetime:
        if self._now is None:
            self._now = cast("datetime", self._await(lambda: self._connection.fetchval("SELECT now()")))
        return self._now

    def after_commit(self, fn: Callable[[], None], /) -> None:
        self.callbacks.append(fn)

    def _await(self, call: Callable[[], Any]) -> Any:
        if self.failure is not None:
            raise Poisoned("an earlier statement of this transaction failed") from self.failure
        try:
            return await_only(call())
        except BaseException as error:
            self.failure = error
            raise


class PostgresDatabase:
    """`Database` on a Postgres server. Make it with `open_database`."""

    is_postgres = True

    def __init__(self, pool: Any, settings: DatabaseSettings) -> None:
        self._pool = pool
        self._settings = settings

    async def write(self, fn: Callable[[Any], T], /, *, bulk: bool = False) -> T:
        # shielded: a caller who is cancelled (a client that left) must not leave it open whether the transaction happened, nor its callbacks undone
        return await asyncio.shield(asyncio.ensure_future(self._write(fn)))

    async def _write(self, fn: Callable[[Any], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._run(fn, "BEGIN")
            except _AGAIN as error:
                if attempt == ATTEMPTS:
                    raise Unavailable("The database is too busy with this.", retry_after_seconds=1) from error
                await asyncio.sleep(0.01 * attempt)
        raise AssertionError("unreachable")

    async def read(self, fn: Callable[[Any], T], /, *, snapshot: bool = False) -> T:
        return await self._run(fn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if snapshot else "BEGIN READ ONLY")

    async def _run(self, fn: Callable[[Any], T], begin: str) -> T:
        async with self._connection() as connection:
            tx = PostgresTransaction(connection)
            try:
                await connection.execute(begin)
                result = await greenlet_spawn(fn, tx)
                if tx.failure is not None:
                    raise tx.failure
                await connection.execute("COMMIT")
            except BaseException as error:
                await self._roll_back(connection)
                if isinstance(error, Poisoned) and tx.failure is not None:
                    error = tx.failure
                if isinstance(error, (ParlorError, *_AGAIN)):
                    raise error from error.__cause__
                raise _translated(error) from error
            run_callbacks(tx.callbacks)
            return result

    @staticmethod
    async def _roll_back(connection: Any) -> None:
        """A connection that cannot even do that is thrown away: its transaction ends with it."""
        try:
            await asyncio.shield(connection.execute("ROLLBACK"))
        except (*_GONE, asyncpg.PostgresError):
            with contextlib.suppress(asyncpg.InterfaceError):  # the pool has thrown it away itself
                connection.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Any]:
        try:
            connection = await self._pool.acquire(timeout=self._settings.pool_timeout_seconds)
        except (*_GONE, TimeoutError) as error:
            raise Unavailable("No connection to the database is free.", retry_after_seconds=2) from error
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def scrub(self, tables: Collection[str]) -> None:
        """VACUUM leaves the bytes of dead rows in the free space of their pages, so a table that is small is written anew instead, which locks it for a moment.

        A large one is vacuumed: no query reaches the dead rows any more, and their bytes go as the space is used again. ANALYZE, because Postgres
        keeps values of rows as statistics.
        """
        async with self._connection() as connection:
            rows = await connection.fetch(_SIZES, list(tables))
            for name, size_bytes in rows:
                if size_bytes > REWRITTEN_MOST_BYTES or not await self._write_anew(connection, name):
                    await connection.execute(f'VACUUM (ANALYZE) "{name}"', timeout=VACUUM_SECONDS)

    @staticmethod
    async def _write_anew(connection: Any, name: str) -> bool:
        """False when somebody holds the table for longer than others should have to wait behind us."""
        await connection.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
        try:
            await connection.execute(f'VACUUM (FULL, ANALYZE) "{name}"', timeout=VACUUM_SECONDS)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return False
        finally:
            await connection.execute("RESET lock_timeout")
        return True

    async def close(self) -> None:
        await self._pool.close()


async def connect(settings: DatabaseSettings) -> PostgresDatabase:
    """Raises `Unavailable` when nothing answers there; the password stays out of the message."""
    assert settings.url is not None
    try:
        pool: Any = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]  # partly typed in asyncpg
            settings.url.get_secret_value().replace("postgres://", "postgresql://", 1),
            min_size=1,
            max_size=settings.pool_size + settings.max_overflow,
            timeout=settings.pool_timeout_seconds,
            command_timeout=settings.statement_timeout_seconds,
            statement_cache_size=1024,
            reset=_keep_as_it_is,
            server_settings={"application_name": "parlor", "timezone": "UTC"},
        )
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise Unavailable("The database refuses this user or password: check PARLOR_DATABASE__URL.") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise Unavailable("The server has no database of that name: create it, or check PARLOR_DATABASE__URL.") from error
    except (*_GONE, TimeoutError, asyncpg.PostgresError) as error:
        raise Unavailable(f"No Postgres answers at PARLOR_DATABASE__URL ({type(error).__name__}).", retry_after_seconds=2) from error
    return PostgresDatabase(pool, settings)


async def _keep_as_it_is(connection: Any) -> None:
    """asyncpg's own reset costs a round trip at every release; our transactions leave nothing behind to reset."""
