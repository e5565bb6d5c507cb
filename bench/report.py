"""The figures of a run as a table, beside the aims."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.plan import Figures, Plan
from bench.run import POSTGRES, RELAY, SQLITE, Outcome

LEAST_SHARE_OF_RELAY = 0.30
GOAL_SHARE_OF_RELAY = 0.40
MOST_FIRST_TOKEN_MS = 5.0
MOST_KIB_PER_STREAM = 60.0
MOST_START_SECONDS = 2.0
LEAST_READS_PER_SECOND = 1500
MOST_LOGIN_LOOP_MS = 1.0
MOST_DISTURBANCE = 0.15

REFERENCE_RELAY = {"ms of CPU a turn": 0.37, "µs a paced chunk": 42.0, "s to start": 0.18}
"""The bare relay on the machine that the aims were set on: two shared cores, Python 3.11, November 2026. Of 33 to 42 µs a chunk the larger."""


def report(outcome: Outcome) -> str:
    every = [outcome.model, *outcome.servers]
    rows = [["", *(each.name for each in every)], *([name, *values] for name, values in _rows(outcome, every))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    checks = [f"{each.name}: {check}" for each in outcome.servers for check in each.checks]
    head = [f"Python {outcome.python}; {outcome.cores}; one fsync takes {outcome.fsync_ms:.2f} ms", ""]
    return "\n".join([*head, *lines, "", *checks, "", *_aims(outcome), *_warnings(outcome)])


def _rows(outcome: Outcome, every: list[Figures]) -> Iterator[tuple[str, list[str]]]:
    plan = outcome.plan
    for clients in plan.clients:
        loops = [each.closed_with(clients) for each in every]
        yield f"turns/s, {clients} clients", [f"{loop.turns_per_second:.0f}" if loop else "" for loop in loops]
        yield "  of the relay's (by CPU)", [_share(outcome, each, clients) for each in every]
        yield "  CPU ms a turn (event loop + others)", [f"{loop.loop_ms_per_turn:.2f} + {loop.others_ms_per_turn:.2f}" if loop else "" for loop in loops]
        yield "  first token p50 / p99 ms", [_pair(loop.first_token_ms) if loop else "" for loop in loops]
        yield (
            "  busy: server, load, others",
            [f"{loop.server_busy:.0%}, {loop.generator_busy:.0%}, {loop.elsewhere_busy:.0%}" if loop else "" for loop in loops],
        )
    yield f"first token, {plan.first_clients} calm clients p50 / p99 ms", [_pair(each.first_ms) for each in every]
    yield "  added to the model's", [_pair(added(outcome, each)) if each is not outcome.model else "" for each in every]
    one = plan.clients[0]
    yield f"  added with {one} client in a closed loop", [_pair(added_closed(outcome, each, one)) if each is not outcome.model else "" for each in every]
    yield f"{plan.streams} streams, 20 chunks/s: µs CPU a chunk", [_chunks(each, plan.streams) for each in every]
    yield "  gap p50 / p99 ms", [_pair((each.paced.gap_p50_ms, each.paced.gap_p99_ms)) if each.paced else "" for each in every]
    yield "  busy: server, load", [f"{each.paced.server_busy:.0%}, {each.paced.generator_busy:.0%}" if each.paced else "" for each in every]
    memories = [each.memory for each in every]
    yield "memory after the start -> before the streams, MiB", [f"{each.fresh_mib:.0f} -> {each.rested_mib:.0f}" if each else "" for each in memories]
    yield f"  {plan.streams} idle, paced streams, MiB", [f"{each.idle_mib:.0f}, {each.paced_mib:.0f}" if each else "" for each in memories]
    yield "  KiB an idle, paced stream", [f"{each.idle_kib:.0f}, {each.paced_kib:.0f}" if each else "" for each in memories]
    for at, kind in enumerate(next((each.requests for each in every if each.requests), [])):
        yield f"{kind.name}: a second of one core (µs loop + others)", [_requests(each, at) for each in every]
    yield "cold start, s (the very first)", [_start(each) for each in every]


def _chunks(figures: Figures, most: int) -> str:
    if (paced := figures.paced) is None:
        return ""
    return f"{paced.cpu_us_per_chunk:.0f}" if paced.streams == most else f"{paced.cpu_us_per_chunk:.0f} ({paced.streams} streams)"


def _share(outcome: Outcome, figures: Figures, clients: int) -> str:
    shares = shares_of_relay(outcome, figures, clients)
    return "" if shares is None else f"{shares[0]:.0%} ({shares[1]:.0%})"


def shares_of_relay(outcome: Outcome, figures: Figures, clients: int) -> tuple[float, float] | None:
    """Turns a second, and turns a second of CPU: the two agree when both servers had their core for themselves and all the time."""
    relay = outcome.of(RELAY)
    base, loop = relay.closed_with(clients) if relay else None, figures.closed_with(clients)
    if figures is outcome.model or base is None or loop is None:
        return None
    return loop.turns_per_second / base.turns_per_second, base.cpu_ms_per_turn / loop.cpu_ms_per_turn


def added(outcome: Outcome, figures: Figures) -> tuple[float, float]:
    """What a server adds to the model's own time to the first token."""
    (p50, p99), (own_p50, own_p99) = figures.first_ms, outcome.model.first_ms
    return p50 - own_p50, p99 - own_p99


def added_closed(outcome: Outcome, figures: Figures, clients: int) -> tuple[float, float]:
    loop, own = figures.closed_with(clients), outcome.model.closed_with(clients)
    assert loop is not None
    assert own is not None
    return loop.first_token_ms[0] - own.first_token_ms[0], loop.first_token_ms[1] - own.first_token_ms[1]


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.1f} / {values[1]:.1f}"


def _requests(figures: Figures, at: int) -> str:
    if not figures.requests:
        return ""
    each = figures.requests[at]
    return f"{each.per_core_second:.0f} ({each.loop_us:.0f} + {each.cpu_us - each.loop_us:.0f})"


def _start(figures: Figures) -> str:
    if figures.cold_start_seconds is None:
        return ""
    first = f" ({figures.first_start_seconds:.2f})" if figures.first_start_seconds else ""
    return f"{figures.cold_start_seconds:.2f}{first}"


def _aims(outcome: Outcome) -> Iterator[str]:
    parlor = outcome.of(SQLITE)
    if parlor is None or parlor.memory is None or parlor.cold_start_seconds is None or not parlor.requests:
        return
    pace = Pace.of(outcome.of(RELAY), outcome.plan)
    clients = 16 if 16 in outcome.plan.clients else outcome.plan.clients[-1]
    if (shares := shares_of_relay(outcome, parlor, clients)) is not None:
        share = min(shares)
        aim = f"{LEAST_SHARE_OF_RELAY:.0%}, goal {GOAL_SHARE_OF_RELAY:.0%}"
        yield _aim(f"turns of the relay's, {clients} clients", share >= LEAST_SHARE_OF_RELAY, f"{share:.0%}", aim)
    yield pace.judge(f"first token added, p50, {outcome.plan.first_clients} calm clients", added(outcome, parlor)[0], MOST_FIRST_TOKEN_MS, "ms")
    kib = parlor.memory.idle_kib
    yield _aim("memory of an idle open stream", kib < MOST_KIB_PER_STREAM, f"{kib:.0f} KiB", f"under {MOST_KIB_PER_STREAM:.0f} KiB")
    *reads, login = parlor.requests
    for read in reads:
        per_second = read.per_core_second
        yield _aim(f"{read.name} on one core", per_second >= LEAST_READS_PER_SECOND, f"{per_second:.0f}/s", f"{LEAST_READS_PER_SECOND}/s")
    yield pace.judge(f"{login.name} on the event loop", login.loop_us / 1000, MOST_LOGIN_LOOP_MS, "ms")
    yield pace.judge("cold start", parlor.cold_start_seconds, MOST_START_SECONDS, "s", goal=", goal 1 s")
    yield str(pace)


def _aim(what: str, is_met: bool, value: str, aim: str) -> str:
    return f"{'met    ' if is_met else 'NOT MET'}  {what}: {value} (aim: {aim})"


@dataclass(frozen=True)
class Pace:
    """How many times as long as on the machine that the aims were set on this one takes for the same work: the bare relay's, which is none of ours.

    By each of its figures, `REFERENCE_RELAY` by `here`. What is judged with is the smallest, so that no slow machine excuses a slow program.
    """

    ratios: Mapping[str, float]

    @classmethod
    def of(cls, relay: Figures | None, plan: Plan) -> "Pace":
        here: dict[str, float | None] = {}
        if relay is not None:
            loop = relay.closed_with(16)
            is_whole = relay.paced is not None and relay.paced.streams == plan.streams >= 500
            here["ms of CPU a turn"] = loop.cpu_ms_per_turn if loop else None
            here["µs a paced chunk"] = relay.paced.cpu_us_per_chunk if relay.paced and is_whole else None
            here["s to start"] = relay.cold_start_seconds
        return cls({name: value / REFERENCE_RELAY[name] for name, value in here.items() if value})

    @property
    def least(self) -> float:
        return max(1.0, min(self.ratios.values(), default=1.0))

    def judge(self, what: str, value: float, most: float, unit: str, *, goal: str = "") -> str:
        """An aim that is a time. It is met when it is met here, and only then; beside it stands what it would be where it was set."""
        scaled = value / self.least
        there = "" if value < most else f"; {scaled:.2f} {unit} at the aims' pace, which {'is' if scaled < most else 'is NOT'} within it"
        return _aim(what, value < most, f"{value:.2f} {unit}", f"under {most:.0f} {unit}{goal}{there}")

    def __str__(self) -> str:
        every = ", ".join(f"{ratio:.1f} ({name})" for name, ratio in self.ratios.items())
        return f"pace: the bare relay takes {every} times as long as where the aims were set; judged with the smallest, {self.least:.1f}"


def _warnings(outcome: Outcome) -> Iterator[str]:
    for figures in outcome.servers:
        for loop in figures.closed:
            if loop.elsewhere_busy > MOST_DISTURBANCE and figures.name != POSTGRES:
                yield f"note: other processes took {loop.elsewhere_busy:.0%} of a core beside {figures.name} with {loop.clients} clients: run it again"
            elif loop.server_busy < 0.8 and loop.clients > 1:
                yield f"note: {figures.name} with {loop.clients} clients was busy for {loop.server_busy:.0%} of the time: compare CPU ms a turn, not turns/s"
    if outcome.fsync_ms < 0.02:
        yield "note: fsync costs nothing here (a file system in memory?): durable turns are flattered; choose a folder on a disk with --folder"
