"""`parlor serve` in a process of its own: how it starts, refuses and ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parlor.core.web.settings import ServerSettings
from parlor.server import address_of

WAIT_SECONDS = 60
ENVIRON = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONDONTWRITEBYTECODE") or name.startswith("COVERAGE")}
PASSWORD = "a quiet river in may"


class Server:
    """A running one. Its first lines are read until it says where it is."""

    def __init__(self, folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "parlor", "serve", *arguments]
        self.process = subprocess.Popen(command, cwd=folder, env={**ENVIRON, **(environ or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._killer = threading.Timer(WAIT_SECONDS, self.process.kill)
        self._killer.start()
        self.said = ""
        assert self.process.stdout is not None
        while "ready at" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended: {self.said} {self.end()}"
            self.said += line
        self.address = self.said.split("ready at ")[1].split()[0]

    def ask(self, path: str, body: Any = None, token: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, headers), timeout=WAIT_SECONDS) as answer:
            return json.loads(answer.read())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(WAIT_SECONDS)

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.said += output.read()
        self._killer.cancel()
        return self.process.wait(WAIT_SECONDS), self.said


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(*arguments: str, environ: dict[str, str] | None = None, folder: Path = tmp_path) -> Server:
        servers.append(Server(folder, *arguments, environ=environ))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.stdout is not None and not server.process.stdout.closed:
            server.end()


def refused(folder: Path, *arguments: str, **environ: str) -> tuple[int, list[str]]:
    """The exit code and the lines on standard error of a server that does not start."""
    command = [sys.executable, "-m", "parlor", "serve", *arguments]
    done = subprocess.run(command, cwd=folder, env={**ENVIRON, **environ}, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_port_0_takes_a_free_port_and_prints_it(serve: Serve) -> None:
    """BAD-95"""
    server = serve("--port", "0")
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", server.address)
    assert server.ask("/health") == {"status": "ok"}


def test_the_start_names_the_documentation_the_setup_link_and_the_models(serve: Serve) -> None:
    server = serve("--port", "0")
    assert server.stop() == 0
    said = server.end()[1]
    assert f"{server.address}/docs" in said
    assert f"{server.address}/setup#" in said
    assert "Models: " in said
    assert "Traceback" not in said


def test_sigterm_ends_it_with_code_0(serve: Serve) -> None:
    for how in (signal.SIGTERM, signal.SIGINT):
        server = serve("--port", "0")
        assert server.stop(how) == 0
        assert "Traceback" not in server.end()[1]


def test_a_running_stream_is_finished_before_the_end(serve: Serve) -> None:
    """REL-26"""
    server = serve("--port", "0")
    account = server.ask("/auth/register", {"email": "ada@example.com", "password": PASSWORD})
    token = account["access_token"]
    session = server.ask("/api/v1/sessions", {}, token)
    request = urllib.request.Request(
        f"{server.address}/api/v1/sessions/{session['id']}/messages",
        json.dumps({"content": "Tell me at length about yourself. " * 20}).encode(),
        {"Content-Type": "application/json", "Accept": "text/event-stream", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as stream:
        first = stream.readline()
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        rest = stream.read().decode()
    assert first
    assert re.findall(r"^event: (.*)$", rest, re.MULTILINE)[-1] in ("turn.completed", "turn.interrupted")
    assert server.process.wait(WAIT_SECONDS) == 0
    assert time.monotonic() - started < 30


def test_idle_connections_do_not_hold_up_the_end(serve: Serve) -> None:
    server = serve("--port", "0")
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        started = time.monotonic()
        assert server.stop() == 0
    assert time.monotonic() - started < 20


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """BAD-95"""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, lines = refused(tmp_path, "--port", str(port))
    assert code == 1
    assert len(lines) == 1
    assert f"Port {port} of 127.0.0.1 is in use" in lines[0]
    assert not (tmp_path / ".parlor").exists()


def test_a_port_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    """BAD-95"""
    for port in ("70000", "-1", "http"):
        code, lines = refused(tmp_path, "--port", port)
        assert (code, len(lines)) == (2, 1)


def test_a_second_server_on_the_same_data_is_one_line(serve: Serve, tmp_path: Path) -> None:
    """BAD-98"""
    server = serve("--port", "0")
    code, lines = refused(tmp_path, "--port", "0")
    assert (code, len(lines)) == (1, 1)
    assert str(server.process.pid) in lines[0]
    assert server.ask("/health") == {"status": "ok"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PARLOR_SERVER__PORT": "70000"}, "PARLOR_SERVER__PORT"),
        ({"PARLOR_SERVER__CORS_ORIGINS": "*", "PARLOR_SERVER__CORS_CREDENTIALS": "true"}, "PARLOR_SERVER__CORS_ORIGINS"),
        ({"PARLOR_SERVER__CORS_ORIGINS": "chat.example.com"}, "scheme://host"),
        ({"PARLOR_SERVER__TRUSTED_PROXIES": "*"}, "PARLOR_SERVER__TRUSTED_PROXIES"),
        ({"PARLOR_SERVER__HOST": "203.0.113.7"}, "PARLOR_SERVER__HOST"),
        ({"PARLOR_SERVER__HOST": "no such host"}, "PARLOR_SERVER__HOST"),
        ({"PARLOR_SERVER__COLOUR": "blue"}, "COLOUR"),
        ({"PARLOR_LOG__LEVEL": "loud"}, "PARLOR_LOG__LEVEL"),
    ],
)
def test_bad_settings_are_one_line_and_code_78(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    """BAD-96, SEC-45"""
    code, lines = refused(tmp_path, **environ)
    assert (code, len(lines)) == (78, 1), lines
    assert words in lines[0]


@pytest.mark.long
def test_a_source_file_that_changes_starts_it_again(tmp_path: Path) -> None:
    """Only that the reloader's server comes up, with the flags it was given."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "parlor", "serve", "--reload", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    killer = threading.Timer(WAIT_SECONDS, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        said = ""
        while "/setup#" not in said and (line := process.stdout.readline()):
            said += line
        assert f"http://127.0.0.1:{port}/setup#" in said, said
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS)
        killer.cancel()


def test_the_factory_is_the_same_server(tmp_path: Path) -> None:
    """`uvicorn --factory parlor.main:create_app`: also there, running turns hear of the end before their readers are waited for."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "parlor.main:create_app", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**ENVIRON, "PARLOR_SERVER__PORT": str(port)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    killer = threading.Timer(WAIT_SECONDS, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        said = ""
        while "/setup#" not in said and (line := process.stdout.readline()):
            said += line
        assert f"http://127.0.0.1:{port}/setup#" in said, said
        wait_for(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=WAIT_SECONDS) as answer:
            assert json.loads(answer.read()) == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert "Traceback" not in process.stdout.read()
        assert process.wait(WAIT_SECONDS) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate(timeout=WAIT_SECONDS)
        killer.cancel()


def wait_for(port: int) -> None:
    """The house says that it is open a moment before uvicorn listens."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            continue
        return


def test_addresses_are_those_a_person_can_open() -> None:
    assert address_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address_of("::", 80) == "http://[::1]:80"
    assert address_of("chat.local", 8000) == "http://chat.local:8000"


def test_wildcards_are_refused_only_with_credentials() -> None:
    from parlor.core.settings import RootSettings

    assert list(ServerSettings(cors_origins=("*",)).refusals(RootSettings())) == []
    assert len(list(ServerSettings(cors_origins=("*",), cors_credentials=True).refusals(RootSettings()))) == 1
