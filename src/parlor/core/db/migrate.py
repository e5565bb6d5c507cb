"""Migrations at start, under a lock, on a connection of their own; refused when the database is newer than the code.

SQLite: one IMMEDIATE transaction holds the lock and all the DDL, with foreign keys off (a batch alter drops and makes again, and would take the
children with it) and `foreign_key_check` before COMMIT. Postgres: an advisory lock, and one transaction as well.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from parlor.core.db.base import Base
from parlor.core.db.opening import make_private_directory, sqlite_path
from parlor.core.db.settings import DatabaseSettings
from parlor.core.db.sqlite import begin_immediate, connect
from parlor.core.errors import Misconfigured, Unavailable
from parlor.core.settings import RootSettings

T = TypeVar("T")

MIGRATIONS = Path(__file__).parents[2] / "migrations"
ADVISORY_LOCK = 0x7061726C6F72
"""ASCII "parlor": the key of the lock that keeps two processes from migrating at once."""


class SchemaTooNew(Misconfigured):
    code = "storage.schema_too_new"


class SchemaStatus(msgspec.Struct, frozen=True):
    """`current` and `newest` are revision ids; `pending` counts what `upgrade` would run."""

    current: str | None
    newest: str | None
    pending: int


def _scripts(locations: Sequence[str]) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join([str(MIGRATIONS / "versions"), *locations]))
    return ScriptDirectory.from_config(config)


def _status(connection: Connection, scripts: ScriptDirectory) -> SchemaStatus:
    current: list[str] = []
    with EnvironmentContext(Config(), scripts) as environment:
        environment.configure(connection=connection)
        current = list(environment.get_context().get_current_heads())
    try:
        pending = list(scripts.iterate_revisions("heads", tuple(current) or "base"))
    except (CommandError, RevisionError) as error:
        raise SchemaTooNew(
            f"The database is at revision {', '.join(current)}, which this version of Parlor does not know: it is newer than the code. Start the newer version."
        ) from error
    return SchemaStatus(", ".join(current) or None, ", ".join(scripts.get_heads()) or None, len(pending))


def _upgrade(connection: Connection, scripts: ScriptDirectory) -> SchemaStatus:
    before = _status(connection, scripts)

    def steps(revision: Any, context: Any) -> Any:
        return scripts._upgrade_revs("heads", revision)  # pyright: ignore[reportPrivateUsage]  # what alembic's own upgrade command does, without its env.py

    if before.pending:
        with EnvironmentContext(Config(), scripts, fn=steps, destination_rev="heads") as environment:
            environment.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True)
            environment.run_migrations()
        _make_extras(connection)
    return before


def _make_extras(connection: Connection) -> None:
    """Triggers and virtual tables, made again after every migration: a batch alter on SQLite drops the triggers of the table it copies."""
    script = (MIGRATIONS / "extras" / f"{connection.dialect.name}.sql").read_text()
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        await_only(driver.execute(script))
        return
    waiting = ""
    for line in script.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            driver.execute(waiting)
            waiting = ""


async def upgrade(settings: DatabaseSettings, root: RootSettings, locations: Sequence[str] = ()) -> SchemaStatus:
    """Bring the schema to the newest revision; returns where it stood before. Raises `SchemaTooNew`. Two processes at once: one waits for the other."""
    scripts = _scripts(locations)
    return await _on_own_connection(settings, root, lambda connection: _upgrade(connection, scripts))


async def status(settings: DatabaseSettings, root: RootSettings, locations: Sequence[str] = ()) -> SchemaStatus:
    scripts = _scripts(locations)
    return await _on_own_connection(settings, root, lambda connection: _status(connection, scripts))


async def _on_own_connection(settings: DatabaseSettings, root: RootSettings, work: Callable[[Connection], T]) -> T:
    if settings.is_postgres:
        return await _on_postgres(settings, work)
    return await asyncio.to_thread(_on_sqlite, sqlite_path(settings, root), work)


def _on_sqlite(path: Path, work: Callable[[Connection], T]) -> T:
    make_private_directory(path.parent)
    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: connect(path, is_writer=True), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        begin_immediate(driver)

    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                result = work(connection)
                if broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall():
                    raise Misconfigured(f"The migration would leave {len(broken)} rows of {broken[0][0]} without their parent; nothing was changed.")
            return result
    except DatabaseError as error:
        raise Unavailable(f"The database cannot be migrated ({error.orig}); nothing was changed.") from error
    finally:
        engine.dispose()


async def _on_postgres(settings: DatabaseSettings, work: Callable[[Connection], T]) -> T:
    assert settings.url is not None
    url = settings.url.get_secret_value()
    # JSON as text, as the drivers give it to our own type; SQLAlchemy's codec would decode it a first time
    engine = create_async_engine("postgresql+asyncpg://" + url.split("://", 1)[1], poolclass=NullPool, json_deserializer=str)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            return await connection.run_sync(work)
    except (OSError, DBAPIError) as error:
        raise Unavailable(f"No Postgres answers at PARLOR_DATABASE__URL, or it refuses ({type(getattr(error, 'orig', error)).__name__}).") from error
    finally:
        await engine.dispose()
