"""`parlor agents`."""

import json
from pathlib import Path

import pytest

from parlor.cli import run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "poet.md").write_text("---\ntitle: Poet\nmodel: parlor/offline\n---\nRhyme.")
    return tmp_path


def test_agents_are_listed_shown_and_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agents", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["source"], each["kind"]) for each in rows] == [("assistant", "settings", "loop"), ("poet", "file", "loop")]
    assert run(["agents", "show", "poet", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["system_prompt"], shown["model"], shown["file"]) == ("Rhyme.", "parlor/offline", str(place / "agents" / "poet.md"))
    assert run(["agents", "invoke", "poet", "Hello?", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["agent"], first["problem"]) == ("poet", None)
    assert first["response"]
    assert run(["agents", "invoke", "poet", "And?", "--session", first["session_id"]]) == 0
    assert capsys.readouterr().out.strip()


def test_what_is_not_there_and_a_file_that_is_wrong_are_one_line_each(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agents", "show", "nobody"]) == 1
    assert capsys.readouterr().err == "parlor: There is no such agent, or you may not use it.\n"
    (place / "agents" / "poet.md").write_text("---\nkind: what\n---\n")
    assert run(["agents", "list"]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"parlor: {place / 'agents' / 'poet.md'}: kind: ")
