"""SEC-14, and bad inputs 71 to 74: whatever a server does, only that call fails, with a sentence, and everything else goes on."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.ports import ExecutionContext, ToolCaller
from tests.support.mcp.servers import raw
from tests.tools.mcp.connections.conftest import Call

ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])


@ERAS
async def test_what_is_no_message_is_passed_over(era: str, call: Call) -> None:
    spec = raw(era=era)
    assert await call(spec, "bad_utf8") == "still here"
    assert await call(spec, "wrong_id") == "for you"
    assert await call(spec, "twice") == "first"
    assert await call(spec, "echo", text="as before") == "as before"


async def test_a_banner_before_the_first_message_is_passed_over(call: Call) -> None:
    assert await call(raw(env={"RAW_START": "garbage"}), "echo", text="x") == "x"


async def test_an_endless_line_ends_the_connection_and_is_never_held(open_pool: Callable[..., McpConnections], caller: ToolCaller) -> None:
    pool = open_pool(message_most_bytes=1_000_000)
    spec = raw()
    await pool.definitions(spec, caller)
    before = psutil.Process().memory_info().rss
    with pytest.raises(ToolError, match="a message of more than 1000000 bytes"):
        await pool.call(spec, "endless_line", {}, ExecutionContext(caller, "c1"))
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert (await pool.call(spec, "echo", {"text": "anew"}, ExecutionContext(caller, "c2"))).result == "anew"


async def test_a_result_of_almost_the_largest_size_arrives(open_pool: Callable[..., McpConnections], caller: ToolCaller) -> None:
    pool = open_pool(message_most_bytes=1_000_000)
    assert len((await pool.call(raw(), "large", {"size": 999_000}, ExecutionContext(caller, "c1"))).result) == 999_000


@pytest.mark.parametrize(("tool", "sentence"), [("exits", "ended the connection"), ("closes_output", "ended the connection")])
async def test_the_end_of_a_server_fails_all_its_calls_and_nobody_elses(tool: str, sentence: str, pool: McpConnections, call: Call) -> None:
    spec, other = raw(), raw("other")
    others = asyncio.create_task(call(other, "wait", seconds=0.5))
    waiting = asyncio.create_task(call(spec, "never"))
    await until_called(call, spec, "never")
    with pytest.raises(ToolError, match=sentence):
        await call(spec, tool)
    with pytest.raises(ToolError, match=sentence):
        await waiting
    assert await others == "done"
    assert await call(spec, "echo", text="anew") == "anew"
    assert pool.status(spec).state == "ready"


async def until_called(call: Call, spec: Any, tool: str) -> None:
    """Until the server has the call of `tool`."""
    async with asyncio.timeout(10):
        while tool not in json.loads(await call(spec, "seen"))["calls"]:
            pass


@ERAS
async def test_a_call_that_is_never_answered_ends_in_time_and_the_connection_stays(era: str, call: Call) -> None:
    spec = raw(era=era)
    process = await call(spec, "pid")
    with pytest.raises(ToolError, match="did not answer in time"):
        await call(raw(era=era, timeout_seconds=0.2), "never")
    assert await call(spec, "pid") == process
    async with asyncio.timeout(5):
        while not json.loads(await call(spec, "seen"))["cancelled"]:
            pass


async def test_the_deadline_of_the_context_counts_too(pool: McpConnections, caller: ToolCaller, call: Call) -> None:
    await call(raw(), "pid")
    deadline = asyncio.get_running_loop().time() + 0.2
    with pytest.raises(ToolError, match="did not answer in time"):
        await pool.call(raw(), "never", {}, ExecutionContext(caller, "c1", deadline=deadline))


@ERAS
async def test_answers_that_are_not_as_the_protocol_says(era: str, call: Call) -> None:
    spec = raw(era=era)
    with pytest.raises(ToolError, match="not as the protocol says"):
        await call(spec, "nonsense")
    with pytest.raises(ToolError) as refused:
        await call(spec, "refuses")
    assert "refused: no, not today!!!" in str(refused.value)
    assert len(str(refused.value)) < 600
    with pytest.raises(ToolError, match="Unknown tool"):
        await call(spec, "no_such_tool")


async def test_a_flood_on_standard_error_is_read_and_forgotten(call: Call) -> None:
    spec = raw()
    await call(spec, "pid")
    before = psutil.Process().memory_info().rss
    assert await call(spec, "floods", chunks=500) == "said it all"  # 30 MB
    assert psutil.Process().memory_info().rss - before < 20_000_000


@pytest.mark.parametrize(("start", "sentence"), [("exit", "ended while it was being connected to"), ("silent", "within 0.5 seconds")])
async def test_a_server_that_does_not_start(start: str, sentence: str, pool: McpConnections, call: Call) -> None:
    spec = raw(env={"RAW_START": start}, connect_seconds=0.5)
    with pytest.raises(ToolError, match=sentence):
        await call(spec, "echo", text="x")
    assert pool.status(spec).state == "failed"
    assert sentence in (pool.status(spec).last_error or "")


async def test_a_server_that_ends_when_it_is_not_greeted_in_the_old_way(pool: McpConnections, call: Call) -> None:
    spec = raw(era="legacy", env={"RAW_START": "strict"})
    assert await call(spec, "echo", text="x") == "x"
    assert pool.status(spec).protocol_version == "2025-11-25"


async def test_a_server_that_asks_and_does_not_listen_is_not_answered_without_end(call: Call) -> None:
    spec = raw(era="legacy")
    await call(spec, "pid")
    before = psutil.Process().memory_info().rss
    with pytest.raises(ToolError, match="ended the connection"):
        await call(spec, "asks_and_does_not_listen")
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert await call(spec, "echo", text="anew") == "anew"


async def test_a_server_that_speaks_another_version(call: Call) -> None:
    with pytest.raises(ToolError, match="does not speak the protocol"):
        await call(raw(era="legacy", env={"RAW_VERSION": "1999-01-01"}), "echo", text="x")


@pytest.mark.parametrize("command", [("no-such-program-anywhere",), ("/no/such/file",), ("./no-such-file",), ("/",), (str(Path(__file__)),), ("a\0b",)])
async def test_a_command_that_is_none(command: tuple[str, ...], call: Call) -> None:
    from tests.support.mcp.servers import stdio

    with pytest.raises(ToolError, match="cannot be started"):
        await call(stdio("none", *command), "echo", text="x")


async def test_a_folder_that_is_none(call: Call, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        await call(raw(cwd=tmp_path / "nowhere"), "echo", text="x")


async def test_tools_that_cannot_be_offered_are_left_out(pool: McpConnections, caller: ToolCaller) -> None:
    odd = [
        {"name": "big", "description": "x" * 70_000, "inputSchema": {"type": "object"}},
        {"name": "hid\u200bden", "inputSchema": {"type": "object"}},
        {"name": "", "inputSchema": {"type": "object"}},
        {"name": "echo", "description": "another echo", "inputSchema": {"type": "object"}},
        {
            "name": "poisoned",
            "description": "Adds\u200b numbers\x1b[31m.\n\U000e0041\u202eHidden",
            "inputSchema": {"type": "object", "properties": {"a\u200b": {"description": "one\u2060 two", "enum": ["\u3164x", 1, None]}}},
        },
    ]
    found = {tool.name: tool for tool in await pool.definitions(raw(env={"RAW_TOOLS": json.dumps(odd)}), caller)}
    assert not {"big", "hid\u200bden", "hidden", ""} & found.keys()
    assert found["echo"].description == "echo"
    assert found["poisoned"].description == "Adds numbers[31m.\nHidden"
    assert found["poisoned"].parameters == {"type": "object", "properties": {"a": {"description": "one two", "enum": ["x", 1, None]}}}


async def test_more_than_a_thousand_tools_are_not_taken(pool: McpConnections, caller: ToolCaller) -> None:
    many = [{"name": f"t{number}", "inputSchema": {"type": "object"}} for number in range(1200)]
    assert len(await pool.definitions(raw(env={"RAW_TOOLS": json.dumps(many)}), caller)) == 1000


@pytest.mark.parametrize("calls", [500, pytest.param(10_000, marks=pytest.mark.long)])
async def test_memory_is_flat_over_many_calls(calls: int, call: Call) -> None:
    """One stdio server. The first hundred calls fill what is filled once."""
    spec = raw()
    size = psutil.Process()
    for number in range(100):
        await call(spec, "echo", text=str(number))
    before, started = size.memory_info().rss, time.monotonic()
    for number in range(calls):
        assert await call(spec, "echo", text=str(number)) == str(number)
    print(f"{calls} calls in {time.monotonic() - started:.1f} s")
    assert size.memory_info().rss - before < 4_000_000
