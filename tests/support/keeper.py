"""Keeps a server for a test process: `python keeper.py FOLDER MARK [USER] -- COMMAND ...`.

A test process can die in ways that run no clean-up (kill -9, a crash of the interpreter, a worker that xdist gives up). Its end of our
standard input closes all the same, and then the server stops and the folder goes. So a server never outlives its tests.
Says "ready" once the server has printed MARK, or what it printed when it ended before that.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(folder: str, mark: str, user: str, command: list[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the tests; we end when they have
        signal.signal(number, signal.SIG_IGN)
    try:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=user or None, cwd=folder, preexec_fn=_default_signals
        )
        threading.Thread(target=_read, args=(server, mark), daemon=True).start()
        sys.stdin.read()
        _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _default_signals() -> None:
    """An ignored signal stays ignored after exec, and Postgres ends its own children by SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _read(server: "subprocess.Popen[bytes]", mark: str) -> None:
    """To the end, so that the server never blocks on a full pipe."""
    assert server.stdout is not None
    said: list[str] = []
    is_ready = False
    for line in server.stdout:
        if is_ready:
            continue
        said.append(line.decode(errors="replace"))
        if mark in said[-1]:
            is_ready = True
            _tell("ready\n")
    if not is_ready:
        _tell("".join(said[-20:]) or "it printed nothing\n")
        os.close(1)


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # the tests are gone already
        os.write(1, text.encode())


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # to Postgres: do not wait for clients (SIGTERM would)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    at = sys.argv.index("--")
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[at + 1 :])
