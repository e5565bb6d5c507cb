"""The README's way, as a newcomer walks it: an empty home, no keys, no other service, nothing but the commands that it names."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

WAIT_SECONDS = 60
README = Path(__file__).parents[1] / "README.md"
BONUS_MICROS = 5_000_000


class Newcomer:
    """Somebody with an empty home and a terminal. `parlor` is a command; `serve` the one that stays."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONDONTWRITEBYTECODE") or name.startswith("COVERAGE")}
        self.environ = {**kept, "HOME": str(home), "LANG": "C"}
        self.server: subprocess.Popen[str] | None = None
        self.api = ""
        self.said = ""

    def parlor(self, *arguments: str, typed: str | None = None) -> str:
        """What it prints. It must not fail, nor complain."""
        done = subprocess.run(
            [sys.executable, "-m", "parlor", *arguments],
            cwd=self.home,
            env=self.environ,
            input=typed,
            stdin=subprocess.DEVNULL if typed is None else None,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def serve(self) -> None:
        """Until it has said all that it says at its start."""
        command = [sys.executable, "-m", "parlor", "serve", "--port", "0"]
        self.server = subprocess.Popen(command, cwd=self.home, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        killer = threading.Timer(WAIT_SECONDS, self.server.kill)
        killer.start()
        assert self.server.stdout is not None
        self.said = ""
        while "Models:" not in self.said:
            line = self.server.stdout.readline()
            assert line, self.said
            self.said += line
        killer.cancel()
        self.api = self.said.split("ready at ")[1].split()[0] + "/api/v1"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.server is not None
        assert self.server.stdout is not None
        self.server.send_signal(how)
        code = self.server.wait(WAIT_SECONDS)
        self.said += self.server.stdout.read()
        self.server.stdout.close()
        self.server = None
        return code

    def ask(self, path: str, body: Any = None, token: str = "", **headers: str) -> tuple[Mapping[str, str], str]:
        sent = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        request = urllib.request.Request(self.api + path, None if body is None else json.dumps(body).encode(), sent)
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return answer.headers, answer.read().decode()

    def ask_json(self, path: str, body: Any = None, token: str = "") -> Any:
        return json.loads(self.ask(path, body, token)[1])


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path)
    yield somebody
    if somebody.server is not None:
        somebody.stop(signal.SIGKILL)


def events_of(stream: str) -> list[tuple[int, str, dict[str, Any]]]:
    found = re.findall(r"id: (\d+)\nevent: (\S+)\ndata: (.+)\n\n", stream)
    return [(int(number), event, json.loads(data)) for number, event, data in found]


def test_from_an_empty_home_to_an_answer_that_survives_a_restart(newcomer: Newcomer) -> None:
    newcomer.serve()
    assert "Models: only the built-in parlor/offline" in newcomer.said
    assert re.search(r"/setup#\S{40,}", newcomer.said)
    assert {path.name for path in newcomer.home.iterdir()} == {".parlor"}

    me = newcomer.ask_json("/auth/register", {"email": "ada@example.com", "password": "correct horse battery"})
    token = me["access_token"]
    session_id = newcomer.ask_json("/sessions", {}, token)["id"]
    headers, stream = newcomer.ask(f"/sessions/{session_id}/messages", {"content": "What is 17 * (3 + 4)?"}, token, Accept="text/event-stream")
    events = events_of(stream)
    assert headers["Content-Type"].startswith("text/event-stream")
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert events[0][1] == "turn.started"
    assert events[-1][1:] == ("turn.completed", {**events[-1][2], "charge_micros": 0})
    answer = "".join(data["text"] for _, event, data in events if event == "text.delta")
    assert "119" in answer
    assert any(event == "tool.result" and data["result"]["value"] == 119 for _, event, data in events)

    turn_id = events[0][2]["turn_id"]
    cut = stream.index("id: 5\n")
    assert newcomer.ask(f"/turns/{turn_id}/events", token=token, **{"Last-Event-ID": "4"})[1] == stream[cut:]

    assert newcomer.ask_json("/wallet", token=token)["available_micros"] == BONUS_MICROS
    assert "5000000" in newcomer.parlor("wallet", "show", "ada@example.com")
    assert newcomer.parlor("wallet", "verify") == "Every wallet is what its ledger says.\n"
    newcomer.parlor("doctor", "--deep")

    assert newcomer.stop() == 0
    assert "Traceback" not in newcomer.said
    newcomer.serve()
    resumed = events_of(newcomer.ask(f"/turns/{turn_id}/events", token=token, **{"Last-Event-ID": "4"})[1])
    assert "".join(data["text"] for _, event, data in resumed if event == "text.delta") == answer
    assert resumed[-1] == events[-1]
    messages = newcomer.ask_json(f"/sessions/{session_id}/messages", token=token)["items"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["parts"][-1]["text"] == answer


def test_the_set_up_link_makes_the_first_administrator_once(newcomer: Newcomer) -> None:
    newcomer.serve()
    link = re.search(r"/setup#(\S+)", newcomer.said)
    assert link
    body = {"token": link[1], "email": "root@example.com", "password": "correct horse battery"}
    token = newcomer.ask_json("/auth/setup", body)["access_token"]
    assert {row["email"] for row in newcomer.ask_json("/users", token=token)["items"]} >= {"root@example.com"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        newcomer.ask_json("/auth/setup", {**body, "email": "second@example.com"})
    with refused.value as answer:
        assert answer.code in (403, 409)
    assert newcomer.stop() == 0
    newcomer.serve()
    assert "/setup#" not in newcomer.said


def test_without_a_server_the_terminal_answers(newcomer: Newcomer) -> None:
    """A question a line, one conversation, answers on standard output, exit code 0 at the end."""
    said = newcomer.parlor("chat", typed="What is 2 + 2?\nWhat is 6 * 7?\n")
    assert said.index("4") < said.index("42")
    assert newcomer.parlor("chat", typed="") == ""
    assert newcomer.parlor("wallet", "verify")
    newcomer.parlor("doctor")


def test_commands_work_beside_a_running_server(newcomer: Newcomer) -> None:
    newcomer.serve()
    newcomer.parlor("users", "create", "bob@example.com", "--password-stdin", typed="correct horse battery\n")
    token = newcomer.ask_json("/auth/login", {"login": "bob@example.com", "password": "correct horse battery"})["access_token"]
    assert newcomer.ask_json("/wallet", token=token)["posted_micros"] == BONUS_MICROS
    assert json.loads(newcomer.parlor("--json", "wallet", "show", "bob@example.com"))["posted_micros"] == BONUS_MICROS
    assert "4" in newcomer.parlor("chat", typed="What is 2 + 2?\n")


def test_the_readme_names_commands_and_addresses_that_are_there(newcomer: Newcomer) -> None:
    """Every `parlor ...` command and every path of its curl lines."""
    text = README.read_text(encoding="utf-8")
    groups = set(re.findall(r"bin/parlor ([a-z]+)", text))
    assert groups >= {"chat", "wallet"}
    for group in groups:
        assert newcomer.parlor(group, "--help").startswith("Usage: ")
    newcomer.serve()
    with urllib.request.urlopen(newcomer.api.removesuffix("/api/v1") + "/openapi.json", timeout=WAIT_SECONDS) as answer:
        known = [re.sub(r"\{[^}]+\}", "[^/]+", path) for path in json.load(answer)["paths"]]
    named = {path.split("?")[0] for path in re.findall(r"\$API(/[^\s'\"]*)", text)}
    assert len(named) >= 4
    assert not [path for path in named if not any(re.fullmatch(pattern, "/api/v1" + path) for pattern in known)]
