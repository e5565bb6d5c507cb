"""`parlor health` and `parlor doctor`, in a process of this one's own."""

import asyncio
import json
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from parlor.cli import run
from parlor.core.db import DatabaseSettings
from parlor.core.db.migrate import upgrade
from parlor.core.settings import RootSettings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(here: Path) -> RootSettings:
    root = RootSettings(data_dir=here / ".parlor")
    asyncio.run(upgrade(DatabaseSettings(), root))
    return root


def read(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_health_shows_every_part(installed: RootSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "health"]) == 0
    rows = {row["component"]: row for row in read(capsys)}
    assert rows["database"]["status"] == "ok"
    assert {"wallet", "llm", "turns", "jobs"} <= set(rows)


def test_doctor_finds_nothing_in_a_fresh_house(installed: RootSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    assert "Nothing to mend." in capsys.readouterr().out


def test_doctor_goes_deep(installed: RootSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "doctor", "--deep"]) == 0
    findings = {row["about"]: row["finding"] for row in read(capsys)}
    assert findings["INV-M2"] == "ok"
    assert "wrong" not in findings.values()


def test_doctor_sees_what_must_never_be(installed: RootSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that says more than its ledger."""
    monkeypatch.setattr("sys.stdin", StringIO("a quiet river in may\n"))
    assert run(["users", "create", "ada@example.com", "--password-stdin"]) == 0
    with closing(sqlite3.connect(installed.data_dir / "parlor.db")) as connection, connection:
        connection.execute("UPDATE wallets SET available_micros = available_micros + 1")
    capsys.readouterr()
    assert run(["doctor"]) == 0
    capsys.readouterr()
    assert run(["--json", "doctor", "--deep"]) == 1
    findings = {row["about"]: row for row in read(capsys)}
    assert findings["INV-M2"]["finding"] == "wrong"


def test_doctor_says_how_to_bring_an_old_schema_up_to_date(installed: RootSettings, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(installed.data_dir / "parlor.db")) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert run(["--json", "doctor"]) == 1
    findings = {row["about"]: row for row in read(capsys)}
    assert findings["schema"]["finding"] == "wrong"
    assert "parlor db upgrade" in findings["schema"]["cure"]


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--deeper"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
