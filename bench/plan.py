"""How much is measured, and with what answers."""

from dataclasses import dataclass

import msgspec

from bench.fake_model import Script

TOKEN = "token "
PACE_SECONDS = 0.05


@dataclass(frozen=True)
class Plan:
    """Seconds are those of one measurement. The whole of the default takes about three minutes."""

    clients: tuple[int, ...] = (1, 16, 64)
    warm_seconds: float = 1.5
    closed_seconds: float = 5.0
    answer_chunks: int = 64
    first_clients: int = 16
    first_seconds: float = 5.0
    streams: int = 500
    paced_chunks: int = 160
    idle_seconds: float = 6.0
    request_seconds: float = 3.0
    starts: int = 3

    def scripts(self) -> dict[str, Script]:
        """What the fake model answers, by the name of the model."""
        return {
            "closed": Script(chunks=self.answer_chunks, text=TOKEN),
            "first": Script(chunks=10, text=TOKEN, pace_seconds=0.01),
            "paced": Script(chunks=self.paced_chunks, text=TOKEN, pace_seconds=PACE_SECONDS),
            "idle": Script(chunks=2, text=TOKEN, pace_seconds=self.idle_seconds / 2),
        }


DEFAULT = Plan()
QUICK = Plan(
    clients=(1, 16), warm_seconds=0.3, closed_seconds=0.8, first_seconds=0.7, streams=32, paced_chunks=20, idle_seconds=1.2, request_seconds=0.5, starts=1
)


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A closed loop: every client asks again as soon as it has its answer."""

    clients: int
    turns: int
    turns_per_second: float
    cpu_ms_per_turn: float
    loop_ms_per_turn: float
    """The part of the event loop's thread; the rest is the threads of the database."""
    server_busy: float
    """Share of its core."""
    generator_busy: float
    """Share of their core that the load generator and the fake model took."""
    elsewhere_busy: float
    """Cores that all other processes of the machine took: Postgres, and whatever disturbs the measurement."""
    first_token_ms: tuple[float, float]
    """p50 and p99, from the request's first byte to the first byte of text."""

    @property
    def others_ms_per_turn(self) -> float:
        return self.cpu_ms_per_turn - self.loop_ms_per_turn


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """Open streams with one chunk each 50 ms, seen while all of them are open. `streams` is how many the machine took at once."""

    streams: int
    chunks: int
    cpu_us_per_chunk: float
    server_busy: float
    generator_busy: float
    gap_p50_ms: float
    gap_p99_ms: float


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory: after the start, before the streams, with as many open ones that say nothing, and with all streams of the paced run open."""

    fresh_mib: float
    rested_mib: float
    paced_mib: float
    idle_mib: float
    streams: int
    paced_streams: int

    @property
    def paced_kib(self) -> float:
        return (self.paced_mib - self.rested_mib) * 1024 / self.paced_streams

    @property
    def idle_kib(self) -> float:
        return (self.idle_mib - self.rested_mib) * 1024 / self.streams


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Small requests of one kind. µs of CPU, and the part of the event loop's thread."""

    name: str
    requests: int
    per_second: float
    cpu_us: float
    loop_us: float

    @property
    def per_core_second(self) -> float:
        """What one core would do if it had nothing else to do."""
        return 1e6 / self.cpu_us


class Figures(msgspec.Struct, kw_only=True):
    """What was measured of one server. `first` is p50 and p99 of the first token in ms with `first_clients` that are not in a hurry."""

    name: str
    closed: list[Closed] = []
    first_ms: tuple[float, float] = (0.0, 0.0)
    paced: Paced | None = None
    memory: Memory | None = None
    requests: list[Requests] = []
    cold_start_seconds: float | None = None
    first_start_seconds: float | None = None
    checks: list[str] = []

    def closed_with(self, clients: int) -> Closed | None:
        return next((each for each in self.closed if each.clients == clients), None)
