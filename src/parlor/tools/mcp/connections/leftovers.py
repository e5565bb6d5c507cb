"""Processes of an earlier Parlor that was killed together with its warden: noted in a file while they run, looked for at the next start."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

import msgspec
import structlog

logger = structlog.get_logger("parlor.tools.mcp")

_PATTERN = "mcp-*.json"


class _Noted(msgspec.Struct):
    owner: int
    owner_started: str
    groups: dict[str, str]
    """Process id of each group's leader, and when it was started."""


def started(pid: int) -> str | None:
    """When a process was started, in whatever form the system says it: the same id and the same text is the same process. None when it is gone."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if fields[0] == "Z" else f"{fields[19]} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
        except OSError:
            return None
    told = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603 - no shell, a number
    return told.stdout.strip() or None


class Leftovers:
    """The notes of one process, in a file of its own in `folder`. Nothing here is urgent: a lost note is a process that its warden still kills."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"mcp-{os.getpid()}-{id(self):x}.json"
        self._noted = _Noted(os.getpid(), started(os.getpid()) or "", {})

    def note(self, pid: int) -> None:
        if mark := started(pid):
            self._noted.groups[str(pid)] = mark
            self._write()

    def forget(self, pid: int) -> None:
        if self._noted.groups.pop(str(pid), None) is not None:
            self._write()

    def sweep(self) -> int:
        """Kill the groups that a dead Parlor has left in this folder; how many. Only those whose leader is still the process that was noted."""
        return sum(_end(path) for path in self._folder.glob(_PATTERN))

    def _write(self) -> None:
        try:
            if not self._noted.groups:
                self._path.unlink(missing_ok=True)
                return
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self._path.with_suffix(".draft")
            draft.write_bytes(msgspec.json.encode(self._noted))
            draft.replace(self._path)
        except OSError as error:
            logger.warning("mcp.not_noted", reason=error.strerror)


def _end(path: Path) -> int:
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=_Noted)
    except (OSError, msgspec.DecodeError):
        path.unlink(missing_ok=True)
        return 0
    if noted.owner_started and started(noted.owner) == noted.owner_started:
        return 0  # alive: a second Parlor that shares the folder
    killed = 0
    for pid, mark in noted.groups.items():
        if started(int(pid)) == mark:
            try:
                os.killpg(int(pid), cast(int, signal.SIGKILL))
                killed += 1
            except OSError:
                continue
    path.unlink(missing_ok=True)
    return killed
