"""One run: the fake model, and before it one server after the other."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench import load
from bench.load import Server
from bench.machine import Cores, fsync_ms, rss_mib
from bench.plan import Closed, Figures, Memory, Plan
from bench.requests import requests
from bench.servers import Parlor, Place, Started, fake_model, relay
from bench.targets import OpenAIWire, ParlorWire, Target

T = TypeVar("T")
Say = Callable[[str], None]

SQLITE, POSTGRES, RELAY, MODEL = "Parlor on SQLite", "Parlor on Postgres", "bare relay", "fake model"


class Outcome(msgspec.Struct, kw_only=True):
    """All that a run found out. `model` is the fake model asked directly: what its answers take by themselves."""

    python: str
    cores: str
    fsync_ms: float
    plan: Plan
    model: Figures
    servers: list[Figures]

    def of(self, name: str) -> Figures | None:
        return next((each for each in self.servers if each.name == name), None)


def run(plan: Plan, *, say: Say = print, engines: Sequence[str] = (SQLITE, POSTGRES), folder: Path | None = None) -> Outcome:
    """Raises WrongAnswer, DidNotStart and Untidy: there are no figures of a server that does not do its work."""
    cores = Cores.split()
    with tempfile.TemporaryDirectory(prefix="parlor-bench-", dir=folder) as path, cores.kept():
        place = Place(Path(path), cores)
        with fake_model(place, plan) as fake:
            outcome = Outcome(
                python=sys.version.split()[0], cores=str(cores), fsync_ms=fsync_ms(place.folder), plan=plan, model=_measure_model(plan, fake), servers=[]
            )
            outcome.servers.append(_measure_relay(place, plan, fake, say))
            if SQLITE in engines:
                outcome.servers.append(_measure_parlor(Figures(name=SQLITE), _parlor(place, fake, "sqlite"), plan, fake, say))
            if POSTGRES in engines:
                with _postgres() as url:
                    outcome.servers.append(_measure_parlor(Figures(name=POSTGRES), _parlor(place, fake, "postgres", url), plan, fake, say))
    return outcome


def _parlor(place: Place, fake: Started, name: str, database_url: str | None = None) -> Parlor:
    folder = place.folder / name
    folder.mkdir()
    return Parlor(place, folder, fake.port, database_url)


@contextmanager
def _postgres() -> Iterator[str]:
    """A server of the tests' package, on the cores of the load, but as durable as one in production."""
    from tests.support.postgres import DURABLE, run_postgres

    with run_postgres(DURABLE) as server, server.database("template1") as url:
        yield url


def _measure_model(plan: Plan, fake: Started) -> Figures:
    target = OpenAIWire(fake.port, "/v1/chat/completions")
    server = Server(target, fake.pid, fake.pid)

    async def measure() -> Figures:
        figures = Figures(name=MODEL)
        for clients in plan.clients:
            figures.closed.append(await load.closed(server, plan, clients, 0))
        figures.first_ms = await load.first_tokens(server, plan)
        return figures

    return on_loop(measure())


def _measure_relay(place: Place, plan: Plan, fake: Started, say: Say) -> Figures:
    figures = Figures(name=RELAY)
    with relay(place, fake.port) as started:
        figures.cold_start_seconds = started.seconds
        on_loop(_measure(figures, plan, OpenAIWire(started.port, "/relay"), started, fake, say))
    return figures


def _measure_parlor(figures: Figures, parlor: Parlor, plan: Plan, fake: Started, say: Say) -> Figures:
    with parlor.served() as started:
        figures.first_start_seconds = started.seconds
    starts: list[float] = []
    for _ in range(plan.starts - 1):
        with parlor.served() as started:
            starts.append(started.seconds)
    with parlor.served() as started:
        figures.cold_start_seconds = sorted([*starts, started.seconds])[plan.starts // 2]
        on_loop(_measure_all(figures, plan, ParlorWire(started.port), started, fake, say))
    figures.checks = [parlor.check("wallet", "verify"), parlor.check("doctor", "--deep")]
    return figures


async def _measure_all(figures: Figures, plan: Plan, target: ParlorWire, started: Started, fake: Started, say: Say) -> None:
    await _measure(figures, plan, target, started, fake, say)
    figures.requests = await requests(Server(target, started.pid, fake.pid), plan, *await target.somebody())
    say(f"{figures.name}: {', '.join(f'{each.name} {each.per_core_second:.0f}/s of a core' for each in figures.requests)}")


async def _measure(figures: Figures, plan: Plan, target: Target, started: Started, fake: Started, say: Say) -> None:
    server = Server(target, started.pid, fake.pid)
    fresh_mib = rss_mib(started.pid)
    expected = await load.warm_up(server, plan)
    for clients in plan.clients:
        figures.closed.append(await load.closed(server, plan, clients, expected))
        say(f"{figures.name}: {_said(figures.closed[-1])}")
    figures.first_ms = await load.first_tokens(server, plan)
    rested_mib = rss_mib(started.pid)
    idle_mib = await load.idle_mib(server, plan)
    figures.paced, paced_mib = await load.paced(server, plan)
    figures.memory = Memory(
        fresh_mib=fresh_mib, rested_mib=rested_mib, idle_mib=idle_mib, paced_mib=paced_mib, streams=plan.streams, paced_streams=figures.paced.streams
    )
    say(f"{figures.name}: {figures.paced.streams} streams of 20 chunks a second, {figures.paced.cpu_us_per_chunk:.0f} µs a chunk")


def _said(closed: Closed) -> str:
    return f"{closed.clients} clients, {closed.turns_per_second:.0f} turns/s, {closed.cpu_ms_per_turn:.2f} ms of CPU a turn"


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
