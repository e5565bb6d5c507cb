"""Cores, and what processes take of them."""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

MIB = 1024 * 1024
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Cores:
    """Where the server runs, and where everything else does. None where processes cannot be pinned (macOS), or there is one core only."""

    server: frozenset[int] | None
    load: frozenset[int] | None

    @classmethod
    def split(cls) -> "Cores":
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        cores = sorted(os.sched_getaffinity(0))
        return cls(frozenset(cores[-1:]), frozenset(cores[:-1])) if len(cores) > 1 else cls(None, None)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """This process, and what it starts without a core of its own, on the cores of the load."""
        if self.load is None:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.load)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def __str__(self) -> str:
        if self.server is None or self.load is None:
            return "not pinned: the figures of server and load disturb each other"
        return f"server on core {_shown(self.server)}, load and fake model on {_shown(self.load)}"


def _shown(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores)))


def before_exec(cores: frozenset[int] | None) -> Callable[[], None]:
    """For `preexec_fn`: pins the new process, and has the kernel end it with this one, however this one dies."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if cores is not None:
            os.sched_setaffinity(0, cores)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


@dataclass(frozen=True)
class Reading:
    """Seconds of CPU that a process and its children have had, and of its first thread alone."""

    pid: int
    at: float
    cpu_seconds: float
    loop_seconds: float
    machine_seconds: float
    """All that all processes of the machine have had."""

    @classmethod
    def of(cls, pid: int | None = None) -> "Reading":
        process = psutil.Process(pid)
        times = process.cpu_times()
        total = times.user + times.system + sum(_cpu_seconds(child) for child in process.children(recursive=True)) if pid else times.user + times.system
        machine = psutil.cpu_times()
        return cls(process.pid, perf_counter(), total, _first_thread_seconds(process, total), machine.user + machine.system)


def _first_thread_seconds(process: psutil.Process, total: float) -> float:
    """In nanoseconds where the scheduler tells them: what a login takes is far below the clock ticks of the other counts."""
    try:
        return int(Path(f"/proc/{process.pid}/task/{process.pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        first = next((thread for thread in process.threads() if thread.id == process.pid), None)
        return first.user_time + first.system_time if first else total


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def rss_mib(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / MIB


def fsync_ms(folder: Path) -> float:
    """What one durable write costs here: the median of 50. On a file system in memory it is nothing, and durable figures mean little."""
    took: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = perf_counter()
            os.fsync(file.fileno())
            took.append(perf_counter() - began)
    return sorted(took)[25] * 1000


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
