"""Agents of kind python, and what is said at the start of those that are none."""

from pathlib import Path
from typing import Any

import pytest

from parlor.agents.definition import AgentDefinition
from parlor.agents.runs.checking import problem_of
from parlor.testing import ScriptedModel, says
from tests.support.chat import answer_of
from tests.support.house_fixtures import OpenServed

PLACE = "tests.agents.runs.objects_of_others"


@pytest.mark.either_engine
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("function", "You said hi."), ("executor", "yes (3)"), ("Executor", "yes (3)"), ("factory", "yes (3)"), ("streaming", "hi after 0"), ("whole", "HI"),
    ],
)  # fmt: skip
async def test_an_object_answers(open_served: OpenServed, name: str, said: str) -> None:
    house = await open_served(ScriptedModel(says("yes")), settings={"agents.mine": {"kind": "python", "object": f"{PLACE}:{name}"}})
    ann = await house.person()
    turn, answer = await ann.ask(await ann.new_session(agent="mine"), "hi")
    assert (turn["state"], answer_of(answer)) == ("completed", said)


FILES: dict[str, str] = {"broken.py": "1 / 0\n", "fine.py": "async def answer(run):\n    return ''\n", "leaves.py": "raise SystemExit\n"}


@pytest.mark.parametrize(
    ("kind", "named", "says"),
    [
        ("python", "nothing", "names nothing"),
        ("python", "absent.py:answer", "there is no file"),
        ("python", "broken.py:answer", "ZeroDivisionError"),
        ("python", "leaves.py:answer", "SystemExit"),
        ("python", "fine.py:question", "no attribute 'question'"),
        ("python", "no.such.module:x", "no module 'no'"),
        ("python", f"{PLACE}:number", "it is a int"),
        ("python", "fine.py:answer", None),
        ("langgraph", "tests.agents.langgraph.graphs:number", "neither a compiled graph"),
        ("langgraph", "tests.agents.langgraph.graphs:plain", None),
    ],
)
def test_what_is_no_agent_is_said_with_its_setting(tmp_path: Path, kind: Any, named: str, says: str | None) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    setting = "object" if kind == "python" else "graph"
    problem = problem_of(AgentDefinition(kind=kind, **{setting: named}), tmp_path)  # pyright: ignore[reportArgumentType]  # one of two fields
    assert (problem is None) if says is None else (says in (problem or "") and setting in (problem or ""))


@pytest.mark.either_engine
@pytest.mark.parametrize(("name", "says"), [("failing", "its factory failed: RuntimeError: no key"), ("stateless", "no `messages`")])
async def test_a_graph_that_cannot_be_built_ends_the_turn(open_served: OpenServed, capsys: pytest.CaptureFixture[str], name: str, says: str) -> None:
    settings = {"agents.graph": {"kind": "langgraph", "graph": f"tests.agents.langgraph.graphs:{name}"}}
    house = await open_served(ScriptedModel(), settings=settings)
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session(agent="graph"))
    assert (turn["state"], turn["reason"]) == ("failed", "internal")
    assert says in capsys.readouterr().err
