"""`parlor llm` and `parlor config list-models`, beside a fake provider of their own process."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlor.cli import run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "bench.fake_model"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        monkeypatch.setenv("PARLOR_LLM__PROVIDERS__MAIN__BASE_URL", process.stdout.readline().strip())
        monkeypatch.setenv("PARLOR_LLM__PROVIDERS__MAIN__API_KEY", "sk-canary")
        yield
        process.terminate()


@pytest.mark.parametrize("command", [["llm", "models"], ["config", "list-models"]])
def test_models_are_listed_for_people_and_for_programs(provider: None, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert run(command) == 0
    assert "main/fake" in capsys.readouterr().out

    assert run(["--json", *command]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["main/fake"]["default"] is True
    assert rows["main/fake"]["input_micros_per_mtok"] == 1_000_000
    assert rows["parlor/offline"]["output_micros_per_mtok"] == 0


def test_a_provider_that_does_not_answer_is_named_and_fails_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")

    assert run(["llm", "models"]) == 0

    shown = capsys.readouterr()
    assert "parlor/offline" in shown.out
    assert "openai (http://127.0.0.1:9/v1)" in shown.err
    assert "canary" not in shown.out + shown.err


def test_a_call_prints_the_answer(provider: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["llm", "call", "fake", "hi", "--system", "Be brief.", "--max-tokens", "20"]) == 0
    assert capsys.readouterr().out == "w0 w1 w2 w3 w4 w5 w6 w7 \n"


def test_a_call_for_programs_tells_usage_and_reason(provider: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "llm", "call", "-", "hi"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "main/fake",
        "text": "w0 w1 w2 w3 w4 w5 w6 w7 ",
        "finish_reason": "stop",
        "usage": {"input_tokens": 1, "output_tokens": 8, "cached_tokens": 0, "reasoning_tokens": 0},
    }


def test_the_question_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Repeat after me: from a pipe"))

    assert run(["llm", "call", "parlor/offline", "-"]) == 0
    assert capsys.readouterr().out == "from a pipe\n"


def test_an_unknown_model_is_one_line_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["llm", "call", "offlin", "hi"]) == 1
    assert capsys.readouterr().err == "parlor: There is no model called offlin. Did you mean parlor/offline?\n"


def test_a_text_is_embedded_for_people_and_for_programs(provider: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["--json", "llm", "embed", "main/fake", "two words"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["model"], answer["dimensions"], answer["input_tokens"], len(answer["vector"])) == ("main/fake", 8, 2, 8)

    monkeypatch.setattr("sys.stdin", io.StringIO("from standard input"))
    assert run(["llm", "embed", "-", "-"]) == 0
    shown = capsys.readouterr().out
    assert "parlor/offline-embed" in shown
    assert "384" in shown

    assert run(["llm", "embed", "main/nothing", "x"]) == 1
    assert "no model called main/nothing" in capsys.readouterr().err


def test_health_tells_how_each_provider_is_and_fails_when_one_is_down(
    provider: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["llm", "health"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["main", "openai", "ok"]

    monkeypatch.setenv("PARLOR_LLM__PROVIDERS__DEAD__BASE_URL", "http://127.0.0.1:9")
    assert run(["llm", "health"]) == 1
    assert "Check the base URL and the key of dead." in capsys.readouterr().out

    assert run(["llm", "health", "--json"]) == 1
    rows = {row["provider"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["main"]["status"], rows["main"]["breaker"], rows["main"]["advice"]) == ("ok", "closed", None)
    assert (rows["dead"]["status"], rows["dead"]["models"]) == ("down", None)
    assert rows["dead"]["last_error"]


def test_health_without_providers_says_who_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["llm", "health"]) == 0
    assert "parlor/offline" in capsys.readouterr().out
