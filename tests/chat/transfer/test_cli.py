"""`parlor sessions`, beside no server: out into a file and in again."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from parlor.cli import run
from tests.chat.transfer.test_formats import CHATGPT

pytestmark = pytest.mark.either_engine
Call = Callable[..., str]


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the test's database; returns what it printed, or what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)

    def call(*arguments: str, code: int = 0) -> str:
        assert run([*arguments]) == code, capfd.readouterr()
        out, err = capfd.readouterr()
        return out if code == 0 else err

    return call


def test_conversations_go_in_and_out_and_in_again(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a quiet river in may\n"))
    call("users", "create", "ann@example.com", "--password-stdin")
    whose = ("--user", "ann@example.com")
    (tmp_path / "in.json").write_text(json.dumps([CHATGPT, {"title": "?"}]))
    made = json.loads(call("sessions", "import", "in.json", *whose, "--json"))
    assert (made["format"], [each["messages"] for each in made["sessions"]], made["skipped"][0]["index"]) == ("chatgpt", [3], 1)
    session_id = made["sessions"][0]["id"]
    assert "A trip" in call("sessions", "list", *whose)
    assert call("sessions", "export", session_id, *whose, "--format", "markdown").startswith("# A trip\n")
    call("sessions", "export", *whose, "--out", "all.json")
    assert [path.name for path in tmp_path.glob("all.json*")] == ["all.json"]
    assert "A trip" in call("sessions", "import", "all.json", *whose)
    assert len(json.loads(call("sessions", "list", *whose, "--json"))) == 2
    assert "cannot be read" in call("sessions", "import", "nowhere.json", *whose, code=2)
    assert "no such session" in call("sessions", "export", "01890000-0000-7000-8000-000000000000", *whose, code=1)
    assert json.loads(call("wallet", "platform", "--json"))["own_costs"] == []
    assert "bonus" in call("wallet", "platform")
