"""The house with its lights on: data directory locked, schema current, services built, jobs running. The same for every kind of server."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from parlor.config import Settings
from parlor.core.db.settings import DatabaseSettings
from parlor.core.jobs.settings import JobSettings
from parlor.core.lifecycle import Residents, Shutdown, StartupNotices
from parlor.core.log import get_logger

if TYPE_CHECKING:
    from dishka import AsyncContainer
    from dishka.provider import BaseProvider

    from parlor.core.jobs import JobRunner

log = get_logger("parlor")


def say(lines: Iterable[str]) -> None:
    """To the person at the terminal, or to whoever reads standard output."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


class House(msgspec.Struct, frozen=True):
    container: "AsyncContainer"
    start_residents: Callable[[], None]

    async def announce(self, address: str) -> None:
        """Print what the rooms have to say to the person who started the server. A room that cannot say it now does not stop the start.

        What lives beside the requests begins now, when nobody waits for the start any more.
        """
        notices = await self.container.get(StartupNotices)
        for source in notices.sources:
            try:
                say(await source(address))
            except Exception:
                log.exception("a notice at start failed")
        self.start_residents()


@asynccontextmanager
async def running_house(settings: Settings, *, overrides: Iterable["BaseProvider"] = ()) -> AsyncGenerator[House]:
    """Everything but the sockets. Raises `Misconfigured`, `SchemaTooNew`, or `DataDirectoryInUse` when another server has the data directory."""
    from parlor.core.db.opening import lock_data_dir
    from parlor.core.jobs import JobRunner
    from parlor.wiring import open_house

    settings.check_files()
    async with AsyncExitStack() as stack:
        stack.enter_context(lock_data_dir(settings.root))
        await _migrated(settings)
        container = await stack.enter_async_context(open_house(settings, overrides=overrides))
        shutdown = await container.get(Shutdown)
        if settings.group(JobSettings).run_in_server:
            await stack.enter_async_context(_working(await container.get(JobRunner), shutdown))
        stack.callback(shutdown.request)
        residents = await stack.enter_async_context(_living(await container.get(Residents)))
        yield House(container, residents)


async def _migrated(settings: Settings) -> None:
    from parlor.core.db.revision import is_surely_current

    where = settings.group(DatabaseSettings), settings.root, [module.migrations for module in settings.modules if module.migrations]
    if not is_surely_current(*where):
        from parlor.core.db.migrate import upgrade

        await upgrade(*where)


@asynccontextmanager
async def _living(residents: Residents) -> AsyncGenerator[Callable[[], None]]:
    """Gives the function that starts them. One that fails is logged, and ends alone."""
    tasks: list[asyncio.Task[None]] = []

    async def live(name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("a resident of the server failed", resident=name)

    def start() -> None:
        """Once."""
        tasks.extend(asyncio.create_task(live(name, work), name=name) for name, work in residents.works)

    try:
        yield start
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _working(runner: "JobRunner", shutdown: Shutdown) -> AsyncGenerator[None]:
    """Jobs end when the shutdown is asked for, beside the turns that drain: one after the other would take longer than anybody waits."""

    async def work() -> None:
        async with runner:
            await shutdown.requested.wait()

    working = asyncio.create_task(work(), name="jobs of this server")
    try:
        yield
    finally:
        shutdown.request()
        await working
