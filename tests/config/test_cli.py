"""`parlor config`."""

import json

import pytest

from parlor.cli import run


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0) -> str:
        assert run(["config", *arguments]) == code
        out, err = capsys.readouterr()
        return err if code else out

    return call


def test_validate_says_that_all_is_well_and_counts_what_is_given(call, monkeypatch):
    assert call("validate") == "The settings are valid: 0 given, all others at their defaults.\n"
    monkeypatch.setenv("PARLOR_SERVER__PORT", "9000")
    assert json.loads(call("validate", "--json")) == {"valid": True, "settings_given": 1, "warnings": []}


def test_validate_shows_warnings(call, tmp_path):
    (tmp_path / ".env").write_text("what is this = =\n")
    assert "Warning: Line 1 of" in call("validate")


def test_explain_says_where_a_value_comes_from_and_what_it_hides(call, monkeypatch, tmp_path):
    (tmp_path / "parlor.toml").write_text("[server]\nport = 7000\n")
    monkeypatch.setenv("PARLOR_SERVER__PORT", "9000")
    text = call("explain", "server.port")
    assert "environment (PARLOR_SERVER__PORT)" in text
    assert f"7000 from {tmp_path / 'parlor.toml'}" in text
    record = json.loads(call("explain", "PARLOR_SERVER__PORT", "--json"))
    assert record["value"] == 9000
    assert record["hides"] == [{"source": str(tmp_path / "parlor.toml"), "value": 7000}]


def test_explain_suggests_the_nearest_setting(call):
    assert call("explain", "server.prot", code=2) == "parlor: There is no setting 'server.prot': did you mean server.port?\n"
    assert "is a group of settings" in call("explain", "server", code=2)
    assert "There is no setting ''" in call("explain", "", code=2)


def test_list_shows_every_setting_or_those_of_a_group(call):
    assert "server.port" in call("list")
    rows = json.loads(call("list", "server", "--json"))
    assert all(row["path"].startswith("server.") for row in rows)
    assert "did you mean" in call("list", "servr", code=2)


def test_a_secret_is_hidden_everywhere(call, monkeypatch):
    monkeypatch.setenv("PARLOR_REDIS__URL", "redis://:canary-1@host/0")
    for arguments in (["list"], ["list", "--json"], ["explain", "redis.url"], ["validate"]):
        assert "canary" not in call(*arguments)


def test_paths_shows_the_files(call, tmp_path):
    (tmp_path / ".env").write_text("")
    (tmp_path / "rooms").mkdir()
    rows = {row["name"]: row for row in json.loads(call("paths", "--json"))}
    assert rows["settings"] == {"name": "settings", "path": str(tmp_path / "parlor.toml"), "exists": False}
    assert rows["variables"]["exists"] is True
    assert rows["data"]["path"] == str(tmp_path / ".parlor")


def test_example_is_a_file_that_can_be_used_as_it_is(call, tmp_path):
    text = call("example")
    assert "#PARLOR_SERVER__PORT=8000\n" in text
    assert "#OPENAI_API_KEY=" in text
    (tmp_path / ".env").write_text(text.replace("#PARLOR_SERVER__PORT", "PARLOR_SERVER__PORT"))
    assert json.loads(call("explain", "server.port", "--json"))["source"] == ".env (PARLOR_SERVER__PORT)"
    assert json.loads(call("example", "--json"))["text"] == text
