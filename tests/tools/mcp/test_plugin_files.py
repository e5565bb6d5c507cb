"""Plugins: one that is wrong fails alone, and says why."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from parlor.tools.mcp.files import ServerFiles
from parlor.tools.mcp.plugin_files import read_plugins
from parlor.tools.mcp.specs import ProcessLimits


def plugin(folder: Path, name: str, toml: str) -> Path:
    where = folder / name
    where.mkdir(parents=True)
    (where / "plugin.toml").write_text(toml)
    return where


def test_a_plugin_is_started_in_its_folder_with_our_python_and_limits(tmp_path: Path) -> None:
    where = plugin(
        tmp_path,
        "calc",
        """
        name = "calculator"
        command = "python server.py --fast"
        description = "Adds"
        groups = ["staff"]
        require_approval = true
        env = { KEY = "${KEY}" }
        limits = { memory_mb = 100, cpu_seconds = 0 }
        health = { tool = "add", arguments = { a = 1 } }
        """,
    )
    (found,) = read_plugins(tmp_path, {"KEY": "k"})
    spec = found.spec
    assert found.problem is None
    assert (spec.name, spec.origin, spec.transport, spec.cwd) == ("calculator", "plugin", "stdio", where)
    assert spec.command == (sys.executable, "server.py", "--fast")
    assert (spec.env, spec.groups, spec.require_approval) == ({"KEY": "k"}, {"staff"}, ("*",))
    assert spec.limits == ProcessLimits(memory_bytes=100 * 1024 * 1024, cpu_seconds=None, open_files=256)
    assert found.probe is not None
    assert (found.probe.tool, found.probe.arguments) == ("add", {"a": 1})


BROKEN = [
    ("name = ", "is not valid TOML"),
    ('name = "x"', "command: field required"),
    ('command = "python x.py"\nnmae = "y"', "'nmae' is not known here"),
    ('command = "no-such-program-here"', "there is no program called"),
    ('command = "python ${NOT_SET}"', "the variable NOT_SET is not set"),
    ('command = "python x.py"\nname = "a/b"', "name:"),
    ('command = "python x.py"\nlimits = { memory_mb = -1 }', "limits.memory_mb"),
    ("command = [1]", "command"),
]


@pytest.mark.parametrize(("toml", "sentence"), BROKEN, ids=[sentence for _, sentence in BROKEN])
def test_a_broken_plugin_fails_alone(tmp_path: Path, toml: str, sentence: str) -> None:
    plugin(tmp_path, "bad", toml)
    plugin(tmp_path, "good", 'command = "python server.py"')
    bad, good = read_plugins(tmp_path, {})
    assert good.problem is None
    assert bad.problem is not None
    assert sentence in bad.problem
    assert str(tmp_path / "bad" / "plugin.toml") in bad.problem


def test_a_name_that_is_taken_fails_the_later_plugin_and_both_are_shown(tmp_path: Path) -> None:
    plugin(tmp_path, "a", 'command = "python a.py"\nname = "same"')
    plugin(tmp_path, "b", 'command = "python b.py"\nname = "same"')
    plugin(tmp_path, "time", 'command = "python t.py"')
    found = read_plugins(tmp_path, {}, taken=["time"])
    assert [(each.spec.name, each.problem is None) for each in found] == [("same", True), ("b", False), ("time.plugin", False)]


def test_a_file_that_is_no_text_fails_alone(tmp_path: Path) -> None:
    (plugin(tmp_path, "bad", "") / "plugin.toml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in (read_plugins(tmp_path, {})[0].problem or "")


def test_the_stamp_moves_with_every_file_that_counts(tmp_path: Path) -> None:
    files = ServerFiles(None, None, tmp_path, {})
    stamps = [files.stamp()]
    for change in (
        lambda: (tmp_path / "mcp.json").write_text("{}"),
        lambda: plugin(tmp_path / "plugins", "calc", 'command = "python server.py"'),
        lambda: (tmp_path / "plugins" / "calc" / "server.py").write_text("print(1)"),
        lambda: (tmp_path / "plugins" / "calc" / "server.py").write_text("print(22)"),
        lambda: (tmp_path / "plugins" / "calc" / "plugin.toml").unlink(),
    ):
        change()
        stamps.append(files.stamp())
    assert all(before != after for before, after in pairwise(stamps))


def test_files_that_the_settings_name_must_be_there(tmp_path: Path) -> None:
    assert ServerFiles(None, None, tmp_path, {}).read().problems == ()
    found = ServerFiles(tmp_path / "mine.json", tmp_path / "mine", tmp_path, {}).read()
    assert [("mine.json" in each, "there is no such f" in each) for each in found.problems] == [(True, True), (False, True)]
