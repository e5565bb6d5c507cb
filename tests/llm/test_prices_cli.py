"""`parlor wallet prices`, beside no server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from parlor.cli import run

Call = Callable[..., str]


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the test's database; returns what it printed, or what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)

    def call(*arguments: str, code: int = 0) -> str:
        assert run(["wallet", "prices", *arguments]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return call


def test_a_price_is_set_once_and_listed_with_the_others(call: Call) -> None:
    assert json.loads(call("--json"))[-1] == {
        **{"model": "parlor/offline", "source": "default", "valid_from": None, "set_by": None},
        **{"input_micros_per_mtok": 0, "output_micros_per_mtok": 0},
    }
    first = json.loads(call("set", "offline", "5", "6", "--json"))
    assert (first["model"], first["source"], first["output_micros_per_mtok"]) == ("parlor/offline", "set", 6)
    assert json.loads(call("set", "offline", "5", "6", "--json")) == first
    assert "parlor/offline  5" in call()
    history = json.loads(call("--model", "offline", "--json"))
    assert [(each["source"], each["input_micros_per_mtok"]) for each in history] == [("set", 5), ("default", 0)]


def test_what_is_no_price_or_no_model_is_one_line(call: Call) -> None:
    assert call("set", "nope", "1", "1", code=1) == "parlor: There is no model called nope.\n"
    assert "between 0 and" in call("set", "offline", "1", str(10**15 + 1), code=2)
    assert "between 0 and" in call("set", "offline", "--", "-1", "1", code=2)
    assert "IN" in call("set", "offline", "x", "1", code=2)
    assert "OUT" in call("set", "offline", "1", code=2)
    assert json.loads(call("--json"))[-1]["source"] == "default"


def test_an_embedding_model_has_a_price_too(call: Call) -> None:
    call("set", "offline-embed", "7", "0")
    (embedder,) = [row for row in json.loads(call("--json")) if row["model"] == "parlor/offline-embed"]
    assert (embedder["input_micros_per_mtok"], embedder["source"]) == (7, "set")
