"""Kills what a Parlor that was killed could not kill itself: the process groups of its tool servers.

Run as a program of its own (`python -I -S warden.py`), in a session of its own. Its standard input says `+GROUP` and `-GROUP`, a line each, and its end means
that Parlor is gone, in whatever way. Then the groups that are left get SIGTERM, and SIGKILL a second later. It imports nothing of Parlor.
"""

import os
import signal
import sys
import time

_GRACE_SECONDS = 1.0


def _tell(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        try:
            os.killpg(group, number)
        except OSError:
            pass  # it has ended by itself


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever stops a whole service stops this last
    groups = set[int]()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(group)
    _tell(groups, signal.SIGTERM)
    if groups:
        time.sleep(_GRACE_SECONDS)
        _tell(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
