"""`parlor prompts list` and `parlor prompts effective`, beside no server."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from parlor.cli import run
from parlor.prompts import BasePrompt, Draft
from parlor.testing import OpenHouse
from tests.prompts.conftest import desk_of

Call = Callable[..., str]
OLD = BasePrompt("assistant", "An older one.")


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the test's database; returns what it printed, or what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)

    def call(*arguments: str, code: int = 0) -> str:
        assert run(["prompts", *arguments]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return call


@pytest.fixture
def layered(parlor_house: OpenHouse, database_url: str) -> tuple[str, str]:
    """The addresses of two people, the first of whom has three layers, the second one."""

    async def prepare() -> tuple[str, str]:
        async with desk_of(parlor_house, database_url) as desk:
            await desk.book.create(desk.ann, OLD, Draft("append", "Talk of gardens.\x1b[31m"))
            await desk.book.create(desk.ann, OLD, Draft("slot", "dry", "tone"))
            await desk.book.create(desk.ann, BasePrompt("poet", "Rhyme."), Draft("replace", "Do not rhyme."))
            await desk.book.create(desk.bob, OLD, Draft("prepend", "Hello.", is_active=False))
            return desk.ann_email, desk.bob_email

    return asyncio.run(prepare())


@pytest.mark.either_engine
def test_list_shows_who_has_customized_what(call: Call, layered: tuple[str, str]) -> None:
    ann, bob = layered
    table = call("list")
    assert len(table.splitlines()) == 5
    assert "gardens" not in table
    assert table.count(ann) == 3
    rows = json.loads(call("list", "--user", ann, "--json"))
    assert [(row["agent_name"], row["mode"], row["slot"], row["content"]) for row in rows] == [
        ("poet", "replace", None, "Do not rhyme."),
        ("assistant", "slot", "tone", "dry"),
        ("assistant", "append", None, "Talk of gardens.\x1b[31m"),
    ]
    assert [row["mode"] for row in json.loads(call("list", "--agent", "assistant", "--json"))] == ["prepend", "slot", "append"]
    assert [row["is_active"] for row in json.loads(call("list", "--user", bob, "--json"))] == [False]
    assert json.loads(call("list", "--user", bob, "--agent", "poet", "--json")) == []
    assert call("list", "--user", "nobody@example.com", code=1) == "parlor: No account has the address nobody@example.com.\n"


def test_effective_shows_what_the_agent_of_a_user_is_told(call: Call, layered: tuple[str, str]) -> None:
    shown = json.loads(call("effective", "assistant", "--user", layered[0], "--json"))
    assert shown["text"].endswith("\n\nTalk of gardens.\x1b[31m")
    assert [(layer["from"] == "base", layer["mode"], layer["stale"], layer["ignored"]) for layer in shown["layers"]] == [
        (True, "base", False, None),
        (False, "append", True, None),
        (False, "slot", True, "no_such_slot"),
    ]
    text = call("effective", "assistant", "--user", layered[0])
    assert "Talk of gardens.\\x1b[31m" in text
    assert "no_such_slot" in text
    assert len(json.loads(call("effective", "assistant", "--user", layered[1], "--json"))["layers"]) == 1


@pytest.mark.either_engine
def test_what_is_not_there_is_one_line(call: Call, layered: tuple[str, str]) -> None:
    assert call("effective", "nobody", "--user", layered[0], code=1) == "parlor: There is no such agent, or you may not use it.\n"
    assert call("effective", "assistant", "--user", "nobody@example.com", code=1) == "parlor: No account has the address nobody@example.com.\n"
