"""Where the time of a turn goes: one closed loop against a server under cProfile. The profiler doubles small calls, so read it for what is large."""

import os
import pstats
import signal
import tempfile
from pathlib import Path
from typing import Any, cast

from bench import load
from bench.load import Server
from bench.machine import Cores
from bench.plan import Plan
from bench.run import on_loop
from bench.servers import ROOT, Parlor, Place, fake_model
from bench.targets import ParlorWire

MOST_ROWS = 45
LEAST_CALLS = 0.05
"""A turn. What is called less often belongs to something else."""


def profile(plan: Plan, *, clients: int, folder: Path | None = None) -> str:
    """The functions that take most, as µs a turn: their own time, and with all they call."""
    cores = Cores.split()
    with tempfile.TemporaryDirectory(prefix="parlor-bench-", dir=folder) as path, cores.kept():
        place = Place(Path(path), cores)
        with fake_model(place, plan) as fake:
            parlor = Parlor(place, place.folder, fake.port)
            with parlor.served("-m", "bench.profiled", str(place.folder)) as started:
                server = Server(ParlorWire(started.port), started.pid, fake.pid)
                on_loop(load.warm_up(server, plan))
                os.kill(started.pid, signal.SIGUSR1)
                figures = on_loop(load.closed(server, plan, clients, 400))
        head = f"{figures.turns} turns with {clients} clients, {figures.cpu_ms_per_turn:.2f} ms of CPU each with the profiler on"
        return "\n".join([head, *(_table(file, figures.turns) for file in sorted(place.folder.glob("*.prof")))])


def _table(file: Path, turns: int) -> str:
    rows = [row for row in cast("Any", pstats.Stats(str(file))).stats.items() if row[1][1] / turns >= LEAST_CALLS]
    shown = sorted(rows, key=lambda row: row[1][2], reverse=True)[:MOST_ROWS]
    lines = [f"{own / turns * 1e6:9.1f} {whole / turns * 1e6:9.1f} {calls / turns:8.2f}  {_name(*place)}" for place, (_, calls, own, whole, _) in shown]
    return "\n".join(["", file.stem, f"{'own µs':>9} {'whole µs':>9} {'calls':>8}  a turn", *lines])


def _name(file: str, line: int, function: str) -> str:
    parts = Path(file).parts
    if "site-packages" in parts:
        shown = parts[parts.index("site-packages") + 1 :]
    else:
        shown = Path(file).relative_to(ROOT).parts if Path(file).is_relative_to(ROOT) else parts[-2:]
    return f"{'/'.join(shown)}:{line} {function}"
