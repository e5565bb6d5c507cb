"""Becomes a tool server: sets the limits of this process, ties its life to its parent's, and then runs the command in its own place.

Run as a program of its own (`python -I -S launch.py PARENT MEMORY_BYTES CPU_SECONDS OPEN_FILES COMMAND ...`; 0 is no limit) instead of as code between
fork and exec, where other threads may hold any lock. It imports nothing of Parlor.
"""

import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _limit(kind: int, most: int, beyond: int = 0) -> None:
    """Below the hard limit that is there already, which only root may raise. `beyond` soft limit comes the hard one."""
    if not most:
        return
    _, hard = resource.getrlimit(kind)
    ceiling = most + beyond if hard == resource.RLIM_INFINITY else min(most + beyond, hard)
    resource.setrlimit(kind, (min(most, ceiling), ceiling))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be told apart
        os._exit(1)


def main(arguments: list[str]) -> None:
    parent, memory_bytes, cpu_seconds, open_files = map(int, arguments[:4])
    command = arguments[4:]
    _die_with(parent)
    _limit(resource.RLIMIT_NOFILE, open_files)
    _limit(resource.RLIMIT_CPU, cpu_seconds, 5)  # SIGXCPU first, SIGKILL when that is not heeded
    _limit(resource.RLIMIT_AS, memory_bytes)  # last: what stands above needs some itself
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program that is run inherits that
    os.execv(command[0], command)  # noqa: S606 - an argument list and an absolute path: no shell


if __name__ == "__main__":
    main(sys.argv[1:])
