"""What commands print, for people and for programs."""

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from parlor.command import CommandLine
from parlor.core.settings import RootSettings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def opened() -> list:
    return []


@pytest.fixture
def out(opened) -> CommandLine:
    @asynccontextmanager
    async def open_house(settings, names, is_debug):
        opened.append((settings, names, is_debug))
        yield "container"

    return CommandLine(lambda overrides: dict(overrides), open_house)  # type: ignore[arg-type, return-value]


def test_rows_are_a_table_for_people(out, capsys):
    out.print_rows([{"name": "a", "is_on": True, "made": NOW, "more": None}, {"name": "longer", "is_on": False, "made": NOW, "more": [1]}])
    assert capsys.readouterr().out.splitlines() == [
        "NAME    IS ON  MADE                  MORE",
        "a       yes    2026-01-02T03:04:05Z",
        "longer  no     2026-01-02T03:04:05Z  [1]",
    ]


def test_rows_are_whole_in_json(out, capsys):
    out.json = True
    out.print_rows([{"name": "a", "id": UUID(int=1), "made": NOW, "root": RootSettings()}], ["name"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["id"] == "00000000-0000-0000-0000-000000000001"
    assert row["made"] == "2026-01-02T03:04:05Z"
    assert row["root"]["environment"] == "development"


def test_nothing_is_no_table_and_an_empty_array(out, capsys):
    out.print_rows([], ["name"])
    assert capsys.readouterr().out == ""
    out.json = True
    out.print_rows([])
    assert json.loads(capsys.readouterr().out) == []


def test_a_sentence_for_people_is_left_out_of_json(out, capsys):
    out.say("done")
    out.json = True
    out.say("done")
    assert capsys.readouterr().out == "done\n"


def test_work_gets_the_module_of_the_command_or_those_it_names_or_all(out, opened):
    async def work(container):
        return container

    out.owner = "wallet"
    out.overrides["server.port"] = 1
    assert out.run(work) == "container"
    out.run(work, modules=["llm"])
    out.debug = True
    out.run(work, everything=True)
    settings = {"server.port": 1}
    assert opened == [(settings, ["wallet"], False), (settings, ["llm"], False), (settings, None, True)]
