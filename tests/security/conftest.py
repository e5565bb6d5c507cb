"""One server per engine for all tests of this folder: they make people of their own, and none may bring it down."""

import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import ENGINES
from tests.security.site import Site, open_site
from tests.support.house_fixtures import house, open_served
from tests.support.postgres import PostgresServer

__all__ = ["house", "open_served"]


@asynccontextmanager
async def new_site(request: pytest.FixtureRequest, folder: Path) -> AsyncGenerator[Site]:
    """On the engine that the fixture is for. It must still be alive at the end, with all that it stored in order."""
    with ExitStack() as stack:
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = stack.enter_context(server.database())
        else:
            template: Path = request.getfixturevalue("sqlite_template")
            shutil.copy(template, folder / "parlor.db")
            url = f"sqlite:///{folder / 'parlor.db'}"
        async with open_site(folder, request.param, url) as opened:
            yield opened
            await opened.still_there()
            code, said = await opened.server.run("doctor", "--deep")
            assert code == 0, said


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=ENGINES)
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with new_site(request, tmp_path_factory.mktemp("site")) as opened:
        yield opened
