"""Agents in Markdown files."""

from pathlib import Path

import pytest

from parlor.agents.catalog.files import AgentFiles
from parlor.agents.catalog.front_matter import BadFrontMatter, parse
from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.settings import AgentsSettings
from parlor.core.errors import Misconfigured
from parlor.testing import OpenHouse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    return tmp_path / "agents"


def test_front_matter_is_toml_or_yaml_and_the_rest_is_the_body() -> None:
    assert parse('+++\ntitle = "Poet"\ntools = ["*"]\n+++\n\nRhyme.\n\n---\nAlways.\n') == ({"title": "Poet", "tools": ["*"]}, "Rhyme.\n\n---\nAlways.")
    assert parse("---\r\ntitle: Poet\r\nlimits: {steps: 3}\r\n---\r\nRhyme.") == ({"title": "Poet", "limits": {"steps": 3}}, "Rhyme.")
    assert parse("---\n---\n") == ({}, "")
    assert parse("Only a prompt.\n") == ({}, "Only a prompt.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+++\ntitle = \n+++\n", "not valid TOML"),
        ("---\ntitle: [\n---\n", "not valid YAML"),
        ("---\n!!python/object/apply:os.system [id]\n---\n", "not valid YAML"),
        ("---\n- a\n- b\n---\n", "is no table"),
        ("+++\ntitle = 'x'\n---\nbody", "does not end: close it with a line of +++"),
    ],
)
def test_front_matter_that_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(BadFrontMatter) as refused:
        parse(text)
    assert said in str(refused.value)


def test_a_file_is_an_agent_of_its_name(folder: Path) -> None:
    (folder / "poet.md").write_text('+++\ntitle = "Poet"\nparams = { temperature = 1.5 }\n+++\nRhyme.\n')
    (folder / "plain.md").write_text("\ufeffBe plain.")
    (folder / "README.md").write_text("What is here.")
    (folder / "notes.txt").write_text("Not an agent.")
    read = AgentFiles(None, folder.parent).read()
    assert read.problems == ()
    assert {name: (each.source, each.file, each.definition.system_prompt) for name, each in read.agents.items()} == {
        "plain": ("file", folder / "plain.md", "Be plain."),
        "poet": ("file", folder / "poet.md", "Rhyme."),
    }
    assert (read.agents["poet"].definition.title, read.agents["poet"].definition.params) == ("Poet", {"temperature": 1.5})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("A Poet.md", b"x", "cannot be an agent's name: rename the file"),
        ("poet.md", b"\xff\xfe\x00", "not UTF-8"),
        ("poet.md", b"---\npromt: x\n---\n", "there is no setting 'promt': there are title, description, kind"),
        ("poet.md", b"---\nlimits: {steps: 0}\n---\n", "limits.steps: Input should be greater than or equal to 1"),
        ("poet.md", b"---\nlimits: {stepps: 1}\n---\n", "unknown limits.stepps"),
        ("poet.md", b"---\nparams: {heat: 1}\n---\n", "params: heat: Extra inputs are not permitted"),
        ("poet.md", b"---\nkind: langgraph\n---\n", "an agent of kind langgraph needs `graph`"),
        ("poet.md", b"---\nsystem_prompt: Rhyme.\n---\nRhyme.", "remove one of them"),
    ],
)
async def test_a_bad_file_stops_the_start_and_names_itself_and_the_cure(folder: Path, parlor_house: OpenHouse, name: str, content: bytes, said: str) -> None:
    (folder / name).write_bytes(content)
    files = AgentFiles(None, folder.parent)
    (problem,) = files.read().problems
    assert problem.startswith(f"{folder / name}: ")
    assert said in problem
    with pytest.raises(Misconfigured) as refused:
        OperatorAgents(AgentsSettings(), files)
    assert refused.value.detail == problem


def test_a_folder_that_the_settings_name_must_be_there(tmp_path: Path) -> None:
    (problem,) = AgentFiles(tmp_path / "nowhere", tmp_path).read().problems
    assert problem.startswith("agent_runtime.agents_dir is ")
    assert AgentFiles(None, tmp_path).read().problems == ()


def test_settings_stand_above_files_and_what_has_not_changed_stays_the_same_object(folder: Path) -> None:
    (folder / "poet.md").write_text("Rhyme.")
    (folder / "cook.md").write_text("Cook.")
    (folder / "assistant.md").write_text("Hidden.")
    files = AgentFiles(None, folder.parent)
    agents = OperatorAgents(AgentsSettings(), files)
    poet, cook, stamp = agents.find("poet"), agents.find("cook"), files.stamp()
    (folder / "poet.md").write_text("Rhyme well.")
    assert files.stamp() != stamp
    assert agents.reload() == ()
    assert agents.find("cook") is cook
    changed = agents.find("poet")
    assert changed is not None
    assert changed is not poet
    assert changed.definition.system_prompt == "Rhyme well."
    assert {each.name: each.source for each in agents.all()} == {"assistant": "settings", "cook": "file", "poet": "file"}


def test_a_file_that_becomes_bad_leaves_its_agent_as_it_was(folder: Path) -> None:
    (folder / "poet.md").write_text("Rhyme.")
    (folder / "cook.md").write_text("Cook.")
    agents = OperatorAgents(AgentsSettings(), AgentFiles(None, folder.parent))
    poet = agents.find("poet")
    (folder / "poet.md").write_text("---\nkind: what\n---\n")
    (folder / "cook.md").unlink()
    assert agents.reload() == agents.problems != ()
    assert agents.find("poet") is poet
    assert agents.find("cook") is None
    (folder / "poet.md").write_text("Rhyme again.")
    assert agents.reload() == agents.problems == ()


def test_code_that_a_file_names_is_looked_at_before_a_server_starts(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "researcher.md").write_text('+++\nkind = "python"\nobject = "missing.py:answer"\n+++\nFind out.')
    (problem,) = AgentRuntimeSettings().file_problems(tmp_path, {})
    assert problem.startswith(f"{tmp_path / 'agents' / 'researcher.md'}: object: there is no file {tmp_path / 'missing.py'}")
    (tmp_path / "missing.py").write_text("async def answer(run): return 'found'")
    assert AgentRuntimeSettings().file_problems(tmp_path, {}) == []
