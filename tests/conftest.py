"""What every test can ask for: both engines, a fresh migrated database, real servers. The servers start at first use."""

import gc
import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from dishka.code_tools import code_builder
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from parlor.core.clock import Clock, SystemClock
from parlor.core.db import Database, DatabaseSettings, migrate
from parlor.core.db.opening import open_database
from parlor.core.settings import RootSettings
from tests.support.chromium import run_chromium
from tests.support.postgres import PostgresServer, apart, run_postgres
from tests.support.scratch import scratch
from tests.support.valkey import run_valkey

if TYPE_CHECKING:
    from playwright.async_api import Browser

ENGINES = ("sqlite", "postgres")
KEYS_OF_THE_DEVELOPER = ("OLLAMA_HOST", "DATABASE_URL", "REDIS_URL")

hypothesis_settings.register_profile("parlor", deadline=None)
hypothesis_settings.load_profile("parlor")


_KEEPS_FEWER_LOOKS = (10_000, 20, 20)
"""Of the garbage collector: a worker holds half a gigabyte of modules and tests, and looking through it again and again takes a tenth of the time."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests marked long, and those marked either_engine on Postgres")


def pytest_configure() -> None:
    """Providers switch themselves on by what the environment offers: the developer's keys must not reach a test. Folders of tests are in memory."""
    for name in list(os.environ):
        if name.startswith("PARLOR_") or name.endswith("_API_KEY") or name in KEYS_OF_THE_DEVELOPER:
            del os.environ[name]
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and (where := scratch()) is not None:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(where)  # of `tmp_path`: every test of a database commits to a file there
    _compile_once()


def _compile_once() -> None:
    """Every house that is opened compiles the same few hundred lines of its container anew, which is a third of the time that it takes: here thousands are."""
    compiled = cache(lambda code: compile(code, "<container>", "exec"))
    code_builder.compile = lambda code, _name, _mode: compiled(code)  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_KEEPS_FEWER_LOOKS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselected, which pytest counts in its last line, and never skipped."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long") or (item.get_closest_marker("either_engine") and _is_on_postgres(item))]
    if long:
        config.hook.pytest_deselected(items=long)
        left_out = set(long)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Transactions on Postgres run in greenlets, among which the tracer of coverage would lose its way: see pyproject.toml."""
    measuring = Coverage.current() if _is_on_postgres(item) else None
    if measuring is not None:
        measuring.stop()
    try:
        return (yield)
    finally:
        if measuring is not None:
            measuring.start()


def _is_on_postgres(item: pytest.Item) -> bool:
    values = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    return "postgres" in values or "postgres" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres server with an empty migrated template: `with postgres.database() as url` is a fresh copy."""

    with run_postgres() as server:
        server.make_template(lambda url: migrate.upgrade(DatabaseSettings(url=SecretStr(url)), RootSettings()))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database file, to copy."""
    path = tmp_path_factory.mktemp("template") / "parlor.db"
    apart(lambda: migrate.upgrade(DatabaseSettings(url=SecretStr(f"sqlite:///{path}")), RootSettings()))
    return path


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a Valkey server that all tests of this process share: use keys of your own."""
    with run_valkey() as url:
        yield url


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Runs the test once per engine: "sqlite", then "postgres"."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of the test's own."""
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url
    else:
        template: Path = request.getfixturevalue("sqlite_template")
        path = tmp_path / "database" / "parlor.db"
        path.parent.mkdir()
        shutil.copy(template, path)
        yield f"sqlite:///{path}"


@pytest.fixture
def database_settings(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(database_url))


@pytest.fixture
def root_settings(tmp_path: Path) -> RootSettings:
    return RootSettings(data_dir=tmp_path / "data")


@pytest.fixture
def clock() -> Clock:
    """A module's tests may put one in its place that they move: `parlor.testing.ManualClock`."""
    return SystemClock()


@pytest.fixture
async def db(database_settings: DatabaseSettings, root_settings: RootSettings, clock: Clock) -> AsyncIterator[Database]:
    """The test's own database, opened."""
    async with open_database(database_settings, root_settings, clock) as database:
        yield database


@pytest.fixture
async def browser() -> "AsyncIterator[Browser]":
    """The system's Chromium. Tests that use it stand in tests/browser, for whose sake `./dev test` installs it."""
    async with run_chromium() as opened:
        yield opened
