"""The measurements themselves, made from one process with one event loop."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from bench.connection import Connection, WrongAnswer
from bench.machine import Reading, quantile, rss_mib
from bench.plan import PACE_SECONDS, Closed, Paced, Plan
from bench.targets import Next, Target

LONGEST_SECONDS = 120.0
_STAGGER_SECONDS = 0.002
_FEWEST_STREAMS = 8


@dataclass(frozen=True)
class Server:
    """What is measured: who answers, and whose CPU and memory that takes. `fake` is the process of the fake model."""

    target: Target
    pid: int
    fake: int


@dataclass(frozen=True)
class _Usage:
    """CPU seconds between two readings."""

    seconds: float
    server: float
    loop: float
    generator: float
    elsewhere: float

    @classmethod
    def between(cls, before: tuple[Reading, Reading, Reading], after: tuple[Reading, Reading, Reading]) -> "_Usage":
        server, own, fake = (b.cpu_seconds - a.cpu_seconds for a, b in zip(before, after, strict=True))
        generator = own if before[0].pid == before[2].pid else own + fake
        machine = after[1].machine_seconds - before[1].machine_seconds
        loop = after[0].loop_seconds - before[0].loop_seconds
        return cls(after[1].at - before[1].at, server, loop, generator, max(0.0, machine - server - generator))


def _read(server: Server) -> tuple[Reading, Reading, Reading]:
    return Reading.of(server.pid), Reading.of(), Reading.of(server.fake)


async def _closed(target: Target, sources: Sequence[Next], seconds: float, chunks: int, most_pause_seconds: float = 0) -> tuple[int, list[float]]:
    """Turns made, and the time to the first text of each. Ends early when a source has nothing prepared any more.

    Pauses of random length before each turn keep clients out of step whose answers all take the same time.
    """
    firsts: list[float] = []
    ends_at = perf_counter() + seconds
    connections = [await Connection.open(target.port, target.first) for _ in sources]

    async def client(connection: Connection, source: Next) -> int:
        nonlocal ends_at
        turns = 0
        while perf_counter() < ends_at:
            if most_pause_seconds:
                await asyncio.sleep(random.uniform(0, most_pause_seconds))
            if (request := source()) is None:
                ends_at = perf_counter()
                break
            target.check(await connection.ask(request), chunks)
            if connection.first_at is None:
                raise WrongAnswer("no text was seen to arrive")
            firsts.append((connection.first_at - connection.asked_at) * 1000)
            turns += 1
        return turns

    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            turns = await asyncio.gather(*map(client, connections, sources))
    finally:
        for connection in connections:
            connection.close()
    return sum(turns), firsts


async def warm_up(server: Server, plan: Plan) -> float:
    """Turns a second, roughly."""
    clients = max(plan.clients)
    sources = await server.target.prepare("closed", clients, 40)
    began = perf_counter()
    turns, _ = await _closed(server.target, sources, plan.warm_seconds, plan.answer_chunks)
    return turns / (perf_counter() - began)


async def closed(server: Server, plan: Plan, clients: int, expected_per_second: float) -> Closed:
    """Full speed. `expected_per_second` is what enough sessions are prepared for."""
    sources = await server.target.prepare("closed", clients, int(1.4 * expected_per_second * plan.closed_seconds / clients) + 20)
    await asyncio.sleep(0.3)
    before = _read(server)
    turns, firsts = await _closed(server.target, sources, plan.closed_seconds, plan.answer_chunks)
    usage = _Usage.between(before, _read(server))
    return Closed(
        clients=clients,
        turns=turns,
        turns_per_second=turns / usage.seconds,
        cpu_ms_per_turn=usage.server / turns * 1000,
        loop_ms_per_turn=min(usage.loop, usage.server) / turns * 1000,
        server_busy=usage.server / usage.seconds,
        generator_busy=usage.generator / usage.seconds,
        elsewhere_busy=usage.elsewhere / usage.seconds,
        first_token_ms=(quantile(firsts, 0.5), quantile(firsts, 0.99)),
    )


async def first_tokens(server: Server, plan: Plan) -> tuple[float, float]:
    """p50 and p99 in ms, with clients whose answers take their time, so that the wait is not for the queue that a closed loop makes."""
    turns = int(plan.first_seconds * 15) + 10
    sources = await server.target.prepare("first", plan.first_clients, turns)
    _, firsts = await _closed(server.target, sources, plan.first_seconds, 10, most_pause_seconds=0.1)
    return quantile(firsts, 0.5), quantile(firsts, 0.99)


class _Streams:
    """Many streams, opened one after the other, each followed to its end."""

    def __init__(self, server: Server, chunks: int) -> None:
        self._server = server
        self._chunks = chunks
        self.connections: list[Connection] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, model: str, streams: int) -> None:
        """Returns when text has arrived on every one of them."""
        target = self._server.target
        sources = await target.prepare(model, streams, 1)
        for source in sources:
            connection = await Connection.open(target.port, target.first)
            connection.times = []
            self.connections.append(connection)
            self._tasks.append(asyncio.create_task(self._follow(connection, source)))
            await asyncio.sleep(_STAGGER_SECONDS)
        async with asyncio.timeout(LONGEST_SECONDS):
            while any(connection.first_at is None for connection in self.connections):
                await asyncio.sleep(0.02)
                self._raise_failures()

    async def _follow(self, connection: Connection, source: Next) -> None:
        request = source()
        assert request is not None
        self._server.target.check(await connection.ask(request), self._chunks)

    def _raise_failures(self) -> None:
        for task in self._tasks:
            if task.done() and (error := task.exception()):
                raise error

    @property
    def chunks(self) -> int:
        return sum(connection.chunks for connection in self.connections)

    @property
    def are_all_open(self) -> bool:
        return not any(task.done() for task in self._tasks)

    async def watch(self) -> None:
        """Until the first of them ends."""
        async with asyncio.timeout(LONGEST_SECONDS):
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        """Every answer is whole, or WrongAnswer."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            for connection in self.connections:
                connection.close()


async def paced(server: Server, plan: Plan) -> tuple[Paced, float]:
    """The figures, and MiB of memory, while all streams are open: of half as many, and so on, where a machine ends the first before it has begun the last."""
    streams = plan.streams
    while (measured := await _paced(server, plan, streams)) is None:
        if (streams := streams // 2) < _FEWEST_STREAMS:
            raise WrongAnswer("streams ended before all were open: this machine is too slow for even a few")
    return measured


async def _paced(server: Server, plan: Plan, count: int) -> tuple[Paced, float] | None:
    streams = _Streams(server, plan.paced_chunks)
    try:
        await streams.open("paced", count)
        before, chunks = _read(server), -streams.chunks
        await streams.watch()
        usage, since, until = _Usage.between(before, _read(server)), before[0].at, perf_counter()
        chunks += streams.chunks
        memory = rss_mib(server.pid)
    finally:
        await streams.end()
    if not chunks or usage.seconds < plan.paced_chunks * PACE_SECONDS / 8:  # too short a look to say anything
        return None
    gaps = [
        (later - earlier) * 1000
        for connection in streams.connections
        for earlier, later in zip(connection.times or [], (connection.times or [])[1:], strict=False)
        if since <= earlier and later <= until
    ]
    figures = Paced(
        streams=count,
        chunks=chunks,
        cpu_us_per_chunk=usage.server / chunks * 1_000_000,
        server_busy=usage.server / usage.seconds,
        generator_busy=usage.generator / usage.seconds,
        gap_p50_ms=quantile(gaps, 0.5),
        gap_p99_ms=quantile(gaps, 0.99),
    )
    return figures, memory


async def idle_mib(server: Server, plan: Plan) -> float:
    """Memory with all streams open and silent."""
    streams = _Streams(server, 2)
    try:
        await streams.open("idle", plan.streams)
        memory = rss_mib(server.pid)
        if not streams.are_all_open:
            raise WrongAnswer("streams ended before all were open: this machine is too slow for so many")
    finally:
        await streams.end()
    return memory
