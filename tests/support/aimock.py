"""`@copilotkit/aimock`: a double of model providers that nobody here wrote. Run as a program it prints where it is, or says how to get it."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.node import NODE
from tests.support.servers import run_server

FOLDER = Path(__file__).parents[1] / "aimock"
READY = "listening on"
ADVICE = "The tests of providers need @copilotkit/aimock: ./dev test installs it into tests/aimock/node_modules."


def find_aimock() -> Sequence[str]:
    """The command that starts it. Raises RuntimeError with what to do."""
    program = FOLDER / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    if not program.is_file():
        raise RuntimeError(ADVICE)
    return [NODE, str(program)]


@contextmanager
def run_aimock(fixtures: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yields its origin."""

    def command(folder: Path, port: int) -> Sequence[str]:
        path = folder / "fixtures.json"
        path.write_text(json.dumps({"fixtures": list(fixtures)}))
        return [*find_aimock(), "--port", str(port), "--host", "127.0.0.1", "--fixtures", str(path), "--validate-on-load", "--strict"]

    with run_server("aimock", READY, command) as port:
        yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    try:
        print(" ".join(find_aimock()))
    except RuntimeError as missing:
        sys.exit(str(missing))
