"""`parlor mcp`, with real servers in processes of their own and no Parlor server beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parlor.cli import run

EXAMPLES = Path(__file__).parents[3] / "examples" / "plugins"
SOURCE = Path(__file__).parents[3] / "src"

RAW = {"command": [sys.executable, "-I", "-S", str(Path(__file__).parents[2] / "support" / "mcp" / "raw_server.py"), "modern"]}
"""An entry of mcp.json: a server that starts quickly, since it loads no library."""

QUESTION = {"mode": "form", "message": "Which size?", "requestedSchema": {"type": "object", "properties": {"size": {"type": "string"}}}}

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command; returns what it printed, and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert run(["mcp", *arguments]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        assert err.count("\n") == (1 if code else 0), err
        return out, err

    return call


def test_the_example_adds_in_processes_of_their_own(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PARLOR_", "COVERAGE"))}
    environ |= {"PARLOR_TOOLS__PLUGINS_DIR": str(EXAMPLES), "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "parlor", "mcp", "call-tool", "calculator", "add", '{"a":5,"b":3}']
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "8\n", "")


def test_servers_and_tools_are_listed_called_tested_and_approved(call: Call, tmp_path: Path) -> None:
    servers = {"shop": {**RAW, "groups": ["staff"]}, "gone": {"command": "false"}, "off": {"command": "nowhere", "disabled": True}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))

    rows = json.loads(call("list-servers", "--json")[0])
    assert [(row["name"], row["status"], row["groups"]) for row in rows] == [("shop", "ready", ["staff"]), ("gone", "failed", []), ("off", "disabled", [])]
    assert {"echo", "ask"} <= set(rows[0]["tools"])
    assert "gone" in rows[1]["last_error"]
    assert "idle" in call("list-servers", "--no-connect")[0]
    tools = {each["tool"]: each for each in json.loads(call("list-tools", "shop", "--json")[0])}
    assert (tools["echo"]["name"], tools["echo"]["status"], tools["echo"]["parameters"]["type"]) == ("shop_echo", "ok", "object")

    assert call("call-tool", "shop", "shop_echo", '{"text": "good day"}')[0] == "good day\n"
    assert json.loads(call("call-tool", "shop", "structured", '{"a": 1}', "--json")[0])["result"] == {"a": 1}
    assert "it cannot be done" in call("call-tool", "shop", "fails", code=1)[1]
    asked = call("call-tool", "shop", "ask", json.dumps({"questions": [QUESTION]}), code=1)[1]
    assert "asks a person for a form" in asked
    assert "Which size? (fields: size)" in asked
    assert "has shown no tool called 'x'" in call("call-tool", "shop", "x", code=1)[1]
    assert "no MCP server called 'none'. There are: gone, off, shop." in call("call-tool", "none", "x", code=1)[1]
    assert "switched off" in call("test", "off", code=1)[1]
    for wrong in ("{", "[1]", "1"):
        assert "JSON" in call("call-tool", "shop", "echo", wrong, code=2)[1]
    assert call("test", "gone", code=1)[1].startswith("parlor: gone: ")
    assert json.loads(call("test", "shop", "--json")[0])["ok"] is True
    assert json.loads(call("approve", "shop", "echo", "--json")[0])["status"] == "ok"
    assert "not the one that you looked at" in call("approve", "shop", "echo", "--hash", "0" * 64, code=1)[1]


def test_a_child_gets_what_is_listed_and_nothing_of_ours(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLOR_AUTH__SECRET_KEY", "canary-of-the-secret-key-0123456789")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-of-the-key")
    monkeypatch.setenv("SHOP_KEY", "for the shop")
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"shop": {**RAW, "env": {"KEY": "${SHOP_KEY}"}}}}))
    shown = call("call-tool", "shop", "environment")[0]
    assert json.loads(shown)["KEY"] == "for the shop"
    assert "canary" not in shown
    assert "SHOP_KEY" not in shown


def test_a_wrong_file_is_exit_code_78_with_a_line_for_each_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    servers = {"a": {"command": "no-such-program-here"}, "b": {"url": "https://example.com", "headers": {"X": "${NOT_SET_AT_ALL}"}}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    for command in (["mcp", "list-servers"], ["config", "validate"], ["serve", "--port", "0"]):
        assert run(command) == 78
        lines = capsys.readouterr().err.splitlines()
        assert [("'a'" in line, "'b'" in line, "mcp.json" in line) for line in lines] == [(True, False, True), (False, True, True)], command
    assert run(["modules"]) == 0  # what needs none of it runs
