"""`python -m bench.profiled FOLDER serve ...`: Parlor's command line under cProfile from SIGUSR1 on, one file in FOLDER for each thread."""

import cProfile
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any


class Profiles:
    """Counts the CPU time of a thread, not what it waits for.

    From Python 3.12 on there can be one profile at a time: then only the first thread, the event loop's, has one.
    """

    def __init__(self) -> None:
        self._of: list[tuple[str, cProfile.Profile]] = []

    def begin(self, name: str) -> None:
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.enable()
        except ValueError:
            return
        self._of.append((name, profile))

    def begin_here(self, number: int, frame: FrameType | None) -> None:
        """Once the server is up: its start takes more than all that is to be seen."""
        self.begin("event loop")

    def begin_in_thread(self, frame: FrameType, event: str, argument: Any) -> None:
        """For `threading.setprofile`: called once in each new thread, where it puts a profile in its own place."""
        sys.setprofile(None)
        self.begin(threading.current_thread().name)

    def write(self, folder: Path) -> None:
        for number, (name, profile) in enumerate(self._of):
            profile.create_stats()
            profile.dump_stats(folder / f"{number:02}-{name}.prof")


def main() -> None:
    folder = Path(sys.argv[1])
    from parlor.cli import main as parlor

    sys.argv = ["parlor", *sys.argv[2:]]
    profiles = Profiles()
    if sys.version_info < (3, 12):
        threading.setprofile(profiles.begin_in_thread)
    signal.signal(signal.SIGUSR1, profiles.begin_here)
    try:
        parlor()
    finally:
        profiles.write(folder)


if __name__ == "__main__":
    main()
