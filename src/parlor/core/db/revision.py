"""Whether there is anything to migrate, told without Alembic: loading it and checking all foreign keys takes longer than the rest of most starts."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from parlor.core.db.opening import sqlite_path
from parlor.core.db.settings import DatabaseSettings
from parlor.core.settings import RootSettings

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


def newest_revision() -> str:
    """Of the house's own migrations. Their files are called after them."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def is_surely_current(settings: DatabaseSettings, root: RootSettings, locations: Sequence[str] = ()) -> bool:
    """True for an SQLite file at the newest revision of the house, where no module brings migrations of its own. False means only: ask `migrate`."""
    if settings.is_postgres or locations:
        return False
    path = sqlite_path(settings, root)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_revision(),)]
    except sqlite3.Error:
        return False
