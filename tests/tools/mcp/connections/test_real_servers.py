"""Servers that nobody here wrote, in both eras of the protocol and over each transport."""

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Answered, ExecutionContext, InputRequired, Progress, ToolCaller
from tests.support.mcp.servers import node, python, run_everything
from tests.tools.mcp.connections.conftest import Call


async def test_the_time_server_speaks_the_newest_protocol(pool: McpConnections, caller: ToolCaller, call: Call) -> None:
    spec = python("time", "--local-timezone", "UTC")
    assert {tool.name for tool in await pool.definitions(spec, caller)} == {"get_current_time", "convert_time"}
    assert (await call(spec, "get_current_time", timezone="UTC"))["timezone"] == "UTC"
    assert pool.status(spec).protocol_version == "2026-07-28"


async def test_the_git_server_works_where_it_is_told_to(pool: McpConnections, caller: ToolCaller, call: Call, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "new.txt").write_text("x")
    assert "new.txt" in json.dumps(await call(python("git", "--repository", str(tmp_path)), "git_status", repo_path=str(tmp_path)))


async def test_the_fetch_server_has_a_tool(pool: McpConnections, caller: ToolCaller) -> None:
    (tool,) = await pool.definitions(python("fetch"), caller)
    assert tool.name == "fetch"
    assert "url" in tool.parameters["properties"]


async def test_the_filesystem_server_reads_what_it_wrote(call: Call, tmp_path: Path) -> None:
    spec = node("filesystem", str(tmp_path))
    await call(spec, "write_file", path=str(tmp_path / "note.txt"), content="remember")
    assert "remember" in json.dumps(await call(spec, "read_text_file", path=str(tmp_path / "note.txt")))


async def test_the_memory_server_keeps_its_state_between_calls(call: Call, tmp_path: Path) -> None:
    spec = node("memory", env={"MEMORY_FILE_PATH": str(tmp_path / "memory.json")})
    await call(spec, "create_entities", entities=[{"name": "Ann", "entityType": "person", "observations": ["likes tea"]}])
    assert "likes tea" in json.dumps(await call(spec, "read_graph"))


def over_stdio() -> AbstractContextManager[ServerSpec]:
    return nullcontext(node("everything", "stdio"))


def over_http() -> AbstractContextManager[str]:
    return run_everything("streamableHttp")


def over_sse() -> AbstractContextManager[str]:
    return run_everything("sse")


@pytest.mark.parametrize("run", [over_stdio, over_http, over_sse])
async def test_server_everything_does_everything(run: Callable[[], AbstractContextManager[Any]], pool: McpConnections, caller: ToolCaller) -> None:
    """SEP-1034 is in it too: the form is answered with one field, and the others have their defaults."""
    with run() as where:
        spec = where if isinstance(where, ServerSpec) else ServerSpec("everything", "everything", run.__name__[5:], "config", url=where, is_trusted=True)  # type: ignore[arg-type]
        told = list[Progress]()

        async def call(tool: str, answers: dict[str, Answered] | None = None, **arguments: Any) -> Any:
            return (await pool.call(spec, tool, arguments, ExecutionContext(caller, "c1", answers=answers or {}, progress=told.append))).result

        assert {"echo", "get-sum", "trigger-elicitation-request"} <= {tool.name for tool in await pool.definitions(spec, caller)}
        assert pool.status(spec).protocol_version == "2025-11-25"
        assert await call("echo", message="hello") == "Echo: hello"
        picture = [block for block in await call("get-tiny-image") if block["type"] == "image"]
        assert [block["media_type"] for block in picture] == ["image/png"]
        assert set(await call("get-structured-content", location="Chicago")) == {"temperature", "conditions", "humidity"}
        await call("trigger-long-running-operation", duration=0.3, steps=3)
        assert told[-1].done == told[-1].total == 3

        with pytest.raises(InputRequired) as asked:
            await call("trigger-elicitation-request")
        question = asked.value.asked
        assert question.kind == "form"
        assert question.schema is not None
        assert "name" in question.schema["properties"]
        said = await call("trigger-elicitation-request", {question.key: Answered(True, {"name": "Ann"})})
        assert "Ann" in said
        assert "42" in said
        assert "declined" in await call("trigger-elicitation-request", {question.key: Answered(False)})
        await pool.retire(spec.key)
