"""Migrations: with rows in every table, killed in the middle, started twice at once, and older than the database."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import BigInteger, Boolean, Connection, Integer, LargeBinary, Table, insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from parlor.core.db import Base, Database, DatabaseSettings, Id, Json, UtcTime, migrate
from parlor.core.db.migrate import SchemaTooNew, status, upgrade
from parlor.core.db.revision import is_surely_current, newest_revision
from parlor.core.db.sqlite import connect
from parlor.core.settings import RootSettings

REVISION = """
import os, sys, time
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None


def upgrade():
    for table in {tables!r}:
        with op.batch_alter_table(table, recreate="always" if op.get_bind().dialect.name == "sqlite" else "never") as batch:
            batch.add_column(sa.Column("added_later", sa.String(20), server_default="here"))
        if os.environ.get("HANG_AFTER") == table:
            print("inside", flush=True)
            time.sleep(60)
"""

X = UUID("01900000-0000-7000-8000-000000000001")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CHOSEN: dict[str, Any] = {
    "accounts.role": "user",
    "accounts.status": "active",
    "jobs.state": "queued",
    "jobs.lease_token": None,
    "budgets.period": "day",
    "holds.state": "open",
    "mailed_tokens.purpose": "verify_email",
    "holds.resolved_at": None,
    "holds.charge_micros": 0,
    "holds.overrun_micros": 0,
    "ledger_transactions.kind": "bonus",
    "ledger_entries.platform": None,
    "turns.state": "completed",
    "composio_connections.status": "active",
    "prompt_customizations.mode": "slot",
    "messages.parent_id": None,
    "mcp_servers.transport": "http",
}
"""Values that a constraint of the table asks for."""


def load_all_tables() -> list[Table]:
    """Every table of every room, parents first."""
    package = Path(migrate.MIGRATIONS).parent
    for path in sorted(package.rglob("tables.py")):
        __import__(".".join(("parlor", *path.relative_to(package).with_suffix("").parts)))
    return list(Base.metadata.sorted_tables)


def a_row(table: Table) -> dict[str, Any]:
    """One row whose ids are all the same, so that every foreign key finds its parent."""
    return {column.name: CHOSEN.get(f"{table.name}.{column.name}", _a_value(column.type)) for column in table.columns}


def _a_value(kind: Any) -> Any:
    by_type: Sequence[tuple[type, Any]] = (
        (Id, X),
        (UtcTime, MOMENT),
        (Json, {"canary": "kept"}),
        (Boolean, False),
        (BigInteger, 1),
        (Integer, 1),
        (LargeBinary, b"bytes"),
    )
    return next((value for each, value in by_type if isinstance(kind, each)), "kept")


async def on_own_connection(settings: DatabaseSettings, root: RootSettings, work: Any) -> Any:
    assert settings.url is not None
    url = settings.url.get_secret_value()
    if settings.is_postgres:
        engine = create_async_engine("postgresql+asyncpg://" + url.split("://", 1)[1], poolclass=NullPool, json_deserializer=str)
        async with engine.begin() as connection:
            result = await connection.run_sync(work)
        await engine.dispose()
        return result
    sync = sqlalchemy.create_engine("sqlite://", creator=lambda: connect(migrate.sqlite_path(settings, root), is_writer=True), poolclass=NullPool)
    with sync.begin() as connection:
        return work(connection)


def fill(connection: Connection) -> None:
    for table in load_all_tables():
        connection.execute(insert(table).values(a_row(table)))


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {table.name: [dict(row._mapping) for row in connection.execute(sqlalchemy.select(table))] for table in load_all_tables()}


def column_names(connection: Connection, table: str) -> set[str]:
    return {column["name"] for column in sqlalchemy.inspect(connection).get_columns(table)}


def write_revision(folder: Path, tables: Sequence[str]) -> list[str]:
    folder.mkdir(exist_ok=True)
    newest = migrate._scripts([]).get_current_head()  # whatever the newest is when this runs
    (folder / "later.py").write_text(REVISION.format(revision="later", down=newest, tables=list(tables)))
    return [str(folder)]


async def test_a_migration_that_makes_every_table_anew_keeps_every_row(
    database_settings: DatabaseSettings, root_settings: RootSettings, tmp_path: Path
) -> None:
    tables = load_all_tables()
    await on_own_connection(database_settings, root_settings, fill)
    before = await on_own_connection(database_settings, root_settings, rows)
    assert all(len(found) == 1 for found in before.values())

    was = await upgrade(database_settings, root_settings, write_revision(tmp_path / "later", [table.name for table in tables]))

    assert was.pending == 1
    assert await on_own_connection(database_settings, root_settings, rows) == before
    for table in tables:
        assert "added_later" in await on_own_connection(database_settings, root_settings, lambda connection, name=table.name: column_names(connection, name))
    assert (await status(database_settings, root_settings, [str(tmp_path / "later")])).pending == 0


async def test_triggers_still_guard_after_their_table_was_made_anew(database_settings: DatabaseSettings, root_settings: RootSettings, tmp_path: Path) -> None:
    await on_own_connection(database_settings, root_settings, fill)
    await upgrade(database_settings, root_settings, write_revision(tmp_path / "later", [table.name for table in load_all_tables()]))

    def tamper(connection: Connection) -> None:
        connection.execute(sqlalchemy.text("UPDATE ledger_entries SET amount_micros = 2"))

    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        await on_own_connection(database_settings, root_settings, tamper)


UPGRADE = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from parlor.core.db import DatabaseSettings
from parlor.core.db.migrate import upgrade
from parlor.core.settings import RootSettings
asyncio.run(upgrade(DatabaseSettings(url=SecretStr(sys.argv[1])), RootSettings(data_dir=Path(sys.argv[2])), sys.argv[3:]))
print("done", flush=True)
"""


def upgrading(settings: DatabaseSettings, root: RootSettings, locations: Sequence[str], **environment: str) -> "subprocess.Popen[str]":
    assert settings.url is not None
    command = [sys.executable, "-c", UPGRADE, settings.url.get_secret_value(), str(root.data_dir), *locations]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})


async def test_a_migration_killed_in_the_middle_has_changed_nothing_and_runs_again(
    database_settings: DatabaseSettings, root_settings: RootSettings, tmp_path: Path
) -> None:
    tables = [table.name for table in load_all_tables()]
    await on_own_connection(database_settings, root_settings, fill)
    before = await on_own_connection(database_settings, root_settings, rows)
    locations = write_revision(tmp_path / "later", tables)

    process = upgrading(database_settings, root_settings, locations, HANG_AFTER=tables[len(tables) // 2])
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "inside\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    assert await on_own_connection(database_settings, root_settings, rows) == before
    assert "added_later" not in await on_own_connection(database_settings, root_settings, lambda connection: column_names(connection, tables[0]))
    await upgrade(database_settings, root_settings, locations)
    assert await on_own_connection(database_settings, root_settings, rows) == before


async def test_four_processes_that_migrate_at_once_do_it_once(root_settings: RootSettings, engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    if engine == "postgres":
        server = request.getfixturevalue("postgres")
        opened = server.database("template0")
        url = opened.__enter__()
        request.addfinalizer(lambda: opened.__exit__(None, None, None))
    settings = DatabaseSettings(url=SecretStr(url))
    processes = [upgrading(settings, root_settings, []) for _ in range(4)]
    outputs = await asyncio.gather(*(asyncio.to_thread(process.communicate, timeout=60) for process in processes))
    assert [output for output, _ in outputs] == ["done\n"] * 4
    found = await status(settings, root_settings)
    assert (found.pending, found.current) == (0, found.newest)


async def test_a_database_newer_than_the_code_is_refused(database_settings: DatabaseSettings, root_settings: RootSettings, tmp_path: Path) -> None:
    await upgrade(database_settings, root_settings, write_revision(tmp_path / "later", ["accounts"]))
    with pytest.raises(SchemaTooNew, match="newer than the code"):
        await upgrade(database_settings, root_settings)
    with pytest.raises(SchemaTooNew):
        await status(database_settings, root_settings)


async def test_a_current_file_is_known_without_alembic(root_settings: RootSettings, tmp_path: Path) -> None:
    settings = DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path}/own.db"))
    assert not is_surely_current(settings, root_settings), "there is no file"
    await upgrade(settings, root_settings)
    assert (await status(settings, root_settings)).newest == newest_revision()
    assert is_surely_current(settings, root_settings)
    assert not is_surely_current(settings, root_settings, [str(tmp_path)]), "a module may have brought something"
    for other in ("0001", "9999"):
        with closing(connect(tmp_path / "own.db", is_writer=True)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (other,))
        assert not is_surely_current(settings, root_settings)


async def test_the_tables_are_what_the_migrations_make(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    """Nobody changed a table without its migration. Indexes and tables of the extras (full text) are not in the metadata."""
    load_all_tables()

    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": False, "include_name": lambda name, kind, _: not (name or "").startswith(("messages_text", "ix_messages_text"))}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    assert await on_own_connection(database_settings, root_settings, differences) == []


async def test_the_opened_database_sees_what_was_migrated(db: Database) -> None:
    from parlor.turns import busy_turns

    assert await db.read(lambda tx: busy_turns(tx, X, [X])) == {}
