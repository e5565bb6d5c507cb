"""Opening the database that the settings name, and the lock on the data directory."""

import fcntl
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from parlor.core.clock import Clock
from parlor.core.db.settings import DatabaseSettings
from parlor.core.db.sqlite import SqliteDatabase
from parlor.core.db.transaction import Database
from parlor.core.errors import Conflict, Misconfigured
from parlor.core.settings import RootSettings


class DataDirectoryInUse(Conflict):
    code = "storage.data_dir_in_use"


def sqlite_path(settings: DatabaseSettings, root: RootSettings) -> Path:
    """The file: from the URL (`sqlite:///relative.db`, `sqlite:////absolute.db`), else `parlor.db` in the data directory."""
    if settings.url is None:
        return root.data_dir / "parlor.db"
    return Path(settings.url.get_secret_value().removeprefix("sqlite:///"))


@asynccontextmanager
async def open_database(settings: DatabaseSettings, root: RootSettings, clock: Clock) -> AsyncGenerator[Database]:
    """Nothing is created in it: see `migrate.upgrade`."""
    if settings.is_postgres:
        try:
            from parlor.core.db import postgres
        except ModuleNotFoundError as error:
            raise Misconfigured(f"PARLOR_DATABASE__URL is Postgres, and {error.name} is not installed: install parlor[postgres].") from error
        database: Database = await postgres.connect(settings)
    else:
        path = sqlite_path(settings, root)
        make_private_directory(path.parent)
        try:
            database = SqliteDatabase(path, clock, readers=settings.readers)
        except Exception as error:
            raise Misconfigured(f"The database file {path} cannot be opened ({error}): check the folder and its permissions.") from error
    try:
        yield database
    finally:
        await database.close()


def make_private_directory(directory: Path) -> None:
    """Readable by its owner alone when we make it: it holds people's messages and a secret."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Misconfigured(f"The folder {directory} cannot be made ({error.strerror}): set PARLOR_DATA_DIR to one that can be written.") from error


@contextmanager
def lock_data_dir(root: RootSettings) -> Generator[None]:
    """Held by a server, a worker and what migrates or restores: two of them on one embedded database would each think they own it."""
    make_private_directory(root.data_dir)
    path = root.data_dir / "parlor.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(f"The folder {root.data_dir} cannot be written ({error.strerror}): set PARLOR_DATA_DIR to one that can.") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirectoryInUse(
                f"Another Parlor (process {owner}) uses the data directory {root.data_dir}: stop it, or give this one its own PARLOR_DATA_DIR."
            ) from error
        os.truncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)
