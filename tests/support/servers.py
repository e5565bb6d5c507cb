"""Real servers for tests. Each test process starts its own at first use, and a keeper ends it whatever becomes of the tests."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")
ATTEMPTS = 5


class ServerFailed(RuntimeError):
    """A server that the tests need did not start; says what it printed."""


def free_port() -> int:
    """A port of the loopback interface that nobody uses now. Somebody may take it before you do: see `run_server`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def run_server(name: str, mark: str, command: Callable[[Path, int], Sequence[str]], *, user: str = "", where: Path | None = None) -> Iterator[int]:
    """Run `command(folder, port)` until the block ends; ready once it prints `mark`. Yields its port.

    `command` prepares what it needs in the empty `folder`, made in `where`, which goes with the server. Another port is tried when it does not start.
    """
    for attempt in range(ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=f"parlor-{name}-", dir=where))
        port = free_port()
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER), str(folder), mark, user, "--", *command(folder, port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests
        )
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            answer = keeper.stdout.readline()
            if answer == b"ready\n":
                yield port
                return
            answer += keeper.stdout.read()
        finally:
            keeper.stdin.close()
            keeper.wait(30)
            keeper.stdout.close()
        if attempt == ATTEMPTS - 1:
            raise ServerFailed(f"{name} does not start. It printed:\n{answer.decode(errors='replace')}")
