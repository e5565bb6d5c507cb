"""The processes of a run. Each ends with the block that started it, and on Linux also when the bench itself is killed."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.machine import Cores, before_exec
from bench.plan import Plan

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 40.0
_LOOK_SECONDS = 0.004
_OF_THE_DEVELOPER = ("OLLAMA_HOST", "DATABASE_URL", "REDIS_URL")

PRICED = {
    "PARLOR_WALLET__DEFAULT_PRICE__INPUT_MICROS_PER_MTOK": "150000",
    "PARLOR_WALLET__DEFAULT_PRICE__OUTPUT_MICROS_PER_MTOK": "600000",
    "PARLOR_WALLET__INITIAL_BONUS_MICROS": "1000000000000",
    "PARLOR_AUTH__VERIFY_EMAIL": "off",
}


class DidNotStart(Exception):
    """A process of the run ended, or did not answer, before it was asked anything."""


class Untidy(Exception):
    """After the run a check of what is stored failed."""


@dataclass(frozen=True)
class Place:
    """Where a run keeps its files, and the cores of its processes."""

    folder: Path
    cores: Cores


@dataclass(frozen=True)
class Started:
    port: int
    pid: int
    seconds: float
    """From the start of the process to its first healthy answer."""


def environment(**more: str) -> dict[str, str]:
    """Ours without the developer's settings and keys: they must not change what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLOR_") and not name.endswith("_API_KEY")}
    for name in _OF_THE_DEVELOPER:
        kept.pop(name, None)
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **more}


@contextmanager
def fake_model(place: Place, plan: Plan) -> Iterator[Started]:
    port = free_port()
    command = [sys.executable, "-m", "bench.fake_model", "--port", str(port)]
    with _running(command, place.folder, place.cores.load, environment(), port, "/v1/models") as started:
        body = msgspec.json.encode(plan.scripts())
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/v1/control/script", body, method="POST"), timeout=10):
            yield started


@contextmanager
def relay(place: Place, upstream: int) -> Iterator[Started]:
    port = free_port()
    command = [sys.executable, "-m", "bench.relay", str(port), f"http://127.0.0.1:{upstream}/v1"]
    with _running(command, place.folder, place.cores.server, environment(), port, "/health") as started:
        yield started


@dataclass(frozen=True)
class Parlor:
    """A Parlor of its own: its data in `folder`, its only provider the fake model."""

    place: Place
    folder: Path
    upstream: int
    database_url: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        provider = {
            "PARLOR_LLM__PROVIDERS__fake__KIND": "openai",
            "PARLOR_LLM__PROVIDERS__fake__BASE_URL": f"http://127.0.0.1:{self.upstream}/v1",
            "PARLOR_LLM__PROVIDERS__fake__API_KEY": "no-key-is-needed",
        }
        database = {"PARLOR_DATABASE__URL": self.database_url} if self.database_url else {}
        return environment(**PRICED, **provider, **database, PARLOR_DATA_DIR=str(self.folder / "data"), PARLOR_LOG__FORMAT="json")

    @contextmanager
    def served(self, *python: str) -> Iterator[Started]:
        """`python` is what the interpreter runs in place of Parlor."""
        port = free_port()
        command = [sys.executable, *(python or ("-m", "parlor")), "serve", "--port", str(port)]
        with _running(command, self.folder, self.place.cores.server, self.environment, port, "/health") as started:
            yield started

    def check(self, *command: str) -> str:
        """Run a command of Parlor's that looks at what is stored. Raises Untidy when it finds anything."""
        done = subprocess.run(
            [sys.executable, "-m", "parlor", *command], cwd=self.folder, env=self.environment, check=False, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise Untidy(f"parlor {' '.join(command)} says:\n{done.stdout}{done.stderr}")
        return f"parlor {' '.join(command)}: ok"


@contextmanager
def _running(command: Sequence[str], folder: Path, cores: frozenset[int] | None, env: Mapping[str, str], port: int, path: str) -> Iterator[Started]:
    log = folder / f"{port}.log"
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=before_exec(cores))
    try:
        seconds = _wait(process, port, path, log) - began
        yield Started(port, process.pid, seconds)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> float:
    """When the first 200 came."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    ends_at = time.perf_counter() + START_SECONDS
    while time.perf_counter() < ends_at and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(request)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return time.perf_counter()
        except OSError:
            pass
        time.sleep(_LOOK_SECONDS)
    raise DidNotStart(f"{process.args}: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
