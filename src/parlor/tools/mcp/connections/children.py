"""Child processes of tool servers: each in a session of its own, without anything of our environment, and none that outlives us."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import structlog

from parlor.tools.mcp.connections.errors import ServerFailed
from parlor.tools.mcp.connections.leftovers import Leftovers
from parlor.tools.mcp.specs import ProcessLimits, ServerSpec

logger = structlog.get_logger("parlor.tools.mcp")

_HERE = Path(__file__).parent
_OUR_PYTHON = (sys.executable, "-I", "-S")
_PYTHONS = ("python", "python3")
_PASSED_ON = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TMPDIR", "TZ", "TERM"})
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_PIPE_BYTES = 64 * 1024
_KILL_SECONDS = 2.0
_LINGER_SECONDS = 1.0


def environment(given: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """All that a child gets: what the operator gave it, and where programs, home, language and time zone are. A list of what is passed on (SEC-13)."""
    passed = {name: value for name, value in ours.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {"PATH": _DEFAULT_PATH, **passed, **given}


def find_program(spec: ServerSpec, env: Mapping[str, str]) -> str:
    """The absolute path of the command's program. `python` and `python3` are our own interpreter where the PATH has none.

    Raises ServerFailed when there is no such program.
    """
    name = spec.command[0]
    if "/" in name:
        found = str(Path(spec.cwd or Path.cwd(), name))
        if os.access(found, os.X_OK) and Path(found).is_file():
            return found
    elif path := shutil.which(name, path=env["PATH"]):
        return str(Path(path).absolute())
    elif name in _PYTHONS:
        return sys.executable
    raise ServerFailed(f"The server {spec.name} cannot be started: there is no program {name!r}.")


class _Protocol(SubprocessStreamProtocol):
    """Says when the process itself has ended: `Process.wait` also waits for its pipes, which a grandchild may keep open for ever."""

    def __init__(self) -> None:
        super().__init__(limit=_PIPE_BYTES, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        self.exited.set()
        super().process_exited()


class Child:
    """A running server process and its pipes. It leads a process group, and whatever is left of that goes with it."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol, close_seconds: float) -> None:
        self.pid = transport.get_pid()
        self.stdin = cast(asyncio.StreamWriter, protocol.stdin)
        self.stdout = cast(asyncio.StreamReader, protocol.stdout)
        self.stderr = cast(asyncio.StreamReader, protocol.stderr)
        self.exited = protocol.exited
        self._transport = transport
        self._close_seconds = close_seconds

    def tell(self, number: signal.Signals) -> None:
        """A signal for the whole group."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # macOS answers EPERM for a group of zombies

    def let_go(self) -> None:
        """After its exit: end the rest of the group, and our side of the pipes a moment later, should something outside the group hold them."""
        self.tell(signal.SIGKILL)
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)

    async def stop(self) -> None:
        """End of input, then SIGTERM, then SIGKILL. Takes twice `close_seconds` and a moment at most."""
        self.stdin.close()
        if not await self._ends_within(self._close_seconds):
            self.tell(signal.SIGTERM)
            await self._ends_within(self._close_seconds)
        self.tell(signal.SIGKILL)
        if not await self._ends_within(_KILL_SECONDS):
            logger.error("mcp.unkillable", pid=self.pid)
        self._transport.close()

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.exited.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Children:
    """Starts server processes, and sees to it that a warden kills them when we are killed."""

    def __init__(self, close_seconds: float, folder: Path | None = None) -> None:
        """`folder` is where running processes are noted, for a start after which no warden was left."""
        self._close_seconds = close_seconds
        self._leftovers = Leftovers(folder) if folder is not None else None
        self._warden: subprocess.Popen[bytes] | None = None
        self.running: set[int] = set()

    async def start(self, spec: ServerSpec) -> Child:
        """Raises ServerFailed."""
        env = environment(spec.env, os.environ)
        program = find_program(spec, env)
        limits = spec.limits or ProcessLimits()
        numbers = (os.getpid(), limits.memory_bytes or 0, limits.cpu_seconds or 0, limits.open_files or 0)
        argv = (*_OUR_PYTHON, str(_HERE / "launch.py"), *map(str, numbers), program, *spec.command[1:])
        self._ensure_warden()
        try:
            transport, protocol = await asyncio.get_running_loop().subprocess_exec(
                _Protocol,
                *argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=spec.cwd,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its command cannot be written as one"
            raise ServerFailed(f"The server {spec.name} cannot be started ({reason}).") from error
        child = Child(transport, protocol, self._close_seconds)
        self._watch(child.pid)
        return child

    def ended(self, child: Child) -> None:
        self.running.discard(child.pid)
        self._say(f"-{child.pid}\n")
        if self._leftovers:
            self._leftovers.forget(child.pid)

    async def sweep(self) -> None:
        """At the start: end what an earlier Parlor has left."""
        if self._leftovers and (killed := await asyncio.to_thread(self._leftovers.sweep)):
            logger.warning("mcp.leftovers_killed", groups=killed)

    async def close(self) -> None:
        """After the last child has ended: dismiss the warden."""
        if self._warden is not None and self._warden.stdin is not None:
            try:
                self._warden.stdin.close()
            except OSError:
                pass
            await asyncio.to_thread(self._warden.wait)
            self._warden = None

    def _watch(self, pid: int) -> None:
        self.running.add(pid)
        self._say(f"+{pid}\n")
        if self._leftovers:
            self._leftovers.note(pid)

    def _ensure_warden(self) -> None:
        if self._warden is not None and self._warden.poll() is None:
            return
        self._warden = subprocess.Popen(  # noqa: S603 - an argument list of our own
            (*_OUR_PYTHON, str(_HERE / "warden.py")),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        for pid in self.running:
            self._say(f"+{pid}\n")

    def _say(self, line: str) -> None:
        """A line is less than a pipe takes at once, so this does not wait."""
        if self._warden is not None and self._warden.stdin is not None:
            try:
                self._warden.stdin.write(line.encode())
                self._warden.stdin.flush()
            except OSError:
                pass  # it was killed; the next start makes another
