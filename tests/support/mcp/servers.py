"""Tool servers for tests: those that nobody here wrote, and our own raw one. Run as a program it says whether those from npm are installed."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from parlor.tools.mcp.specs import ServerSpec
from tests.support.node import NODE
from tests.support.servers import run_server

_HERE = Path(__file__).parent
_MODULES = Path(__file__).parents[2] / "mcp_servers" / "node_modules" / "@modelcontextprotocol"
_PROGRAMS = Path(sys.executable).parent
CONFORMANCE = _MODULES / "conformance" / "dist" / "index.js"


def stdio(name: str, *command: str, **rest: Any) -> ServerSpec:
    return ServerSpec(name, name, "stdio", "config", command=command, **rest)


def http(url: str, name: str = "remote", **rest: Any) -> ServerSpec:
    return ServerSpec(name, name, "http", "config", url=url, **{"is_trusted": True, **rest})


def python(name: str, *arguments: str, **rest: Any) -> ServerSpec:
    """A server of PyPI: time, git, fetch."""
    return stdio(name, str(_PROGRAMS / f"mcp-server-{name}"), *arguments, **rest)


def node(name: str, *arguments: str, **rest: Any) -> ServerSpec:
    """A server of npm: everything, filesystem, memory."""
    return stdio(name, NODE, str(_MODULES / f"server-{name}" / "dist" / "index.js"), *arguments, **rest)


def raw(name: str = "raw", *, era: str = "modern", env: Mapping[str, str] | None = None, **rest: Any) -> ServerSpec:
    """Our own, which starts in 20 ms and misbehaves on demand: see raw_server.py."""
    return stdio(name, sys.executable, "-I", "-S", str(_HERE / "raw_server.py"), era, env=env or {}, **rest)


@contextmanager
def run_everything(transport: str) -> Iterator[str]:
    """`server-everything` over "streamableHttp" or "sse". Yields the URL to call."""
    program = (
        f"process.env.PORT = process.argv[2]; process.argv[2] = {json.dumps(transport)};"
        f"await import({json.dumps((_MODULES / 'server-everything' / 'dist' / 'index.js').as_uri())});"
    )

    def command(folder: Path, port: int) -> list[str]:
        start = folder / "start.mjs"
        start.write_text(program)
        return [NODE, str(start), str(port)]

    with run_server("everything", "on port", command) as port:
        yield f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"


if __name__ == "__main__":
    missing = [str(path) for path in (CONFORMANCE, *(_MODULES / f"server-{name}" for name in ("everything", "filesystem", "memory"))) if not path.exists()]
    sys.exit(f"These are missing, and ./dev test installs them: {', '.join(missing)}" if missing else 0)
