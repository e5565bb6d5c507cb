"""A whole server with real MCP servers: found after the start, reloaded when files change, called by a model's turn, gone with the house."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from parlor.llm import Finished, ToolCallDelta
from parlor.testing import MakeMcpServer, ScriptedModel, says
from parlor.tools import ToolCaller
from parlor.tools.mcp.catalog import HOUSE, McpServers
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.source import McpToolSource
from tests.support.house_fixtures import OpenServed

SECONDS = 30.0

ADD = '''
@server.tool()
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b
'''


async def until(is_so: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(SECONDS):
        while not (found := await is_so()):  # noqa: ASYNC110  # there is nothing else to wait for
            await asyncio.sleep(0.05)  # what changes is a process and a file
    return found


def write_plugin(folder: Path, name: str, source: str) -> Path:
    where = folder / "plugins" / name
    where.mkdir(parents=True, exist_ok=True)
    (where / "server.py").write_text(f'from mcp.server import MCPServer\nserver = MCPServer("{name}")\n{source}\nserver.run()\n')
    (where / "plugin.toml").write_text('command = "python server.py"\n[health]\ntool = "add"\narguments = { a = 1, b = 1 }\n')
    return where


async def names(house: Any) -> list[str]:
    return [offer.tool.name for offer in await (await house.get(McpToolSource)).offered(HOUSE)]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_plugin_is_found_used_by_a_turn_replaced_when_it_changes_and_ended_with_the_server(open_served: OpenServed, tmp_path: Path) -> None:
    write_plugin(tmp_path, "calc", ADD)
    broken = tmp_path / "plugins" / "broken"
    broken.mkdir()
    (broken / "plugin.toml").write_text("command = 1")
    call = [ToolCallDelta(index=0, call_id="call_1", name="calc_add", arguments='{"a": 17, "b": 25}'), Finished(reason="tool_calls")]
    model = ScriptedModel(call, says("It is 42."))
    house = await open_served(model, settings={"agents.assistant": {"tools": ["calc_*"]}})
    await until(lambda: names(house))
    person = await house.person()
    turn, _ = await person.ask(await person.new_session())
    results = [frame.data for frame in await person.events(turn["id"]) if frame.event == "tool.result"]
    assert [(each["call_id"], each.get("error")) for each in results] == [("call_1", None)]
    assert "42" in json.dumps(results[0]["result"])

    servers, connections = await house.get(McpServers), await house.get(McpConnections)
    known = await servers.known()
    assert "command" in (known["broken"].problem or "")
    (first,) = connections.children
    write_plugin(tmp_path, "calc", ADD + ADD.replace("add", "sub").replace("a + b", "a - b"))

    async def has_both() -> bool:
        return await names(house) == ["calc_add", "calc_sub"]

    await until(has_both)
    (second,) = connections.children
    assert second != first
    assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    offers = {offer.tool.name: offer.tool for offer in await (await house.get(McpToolSource)).offered(ToolCaller(HOUSE.account_id))}
    assert offers.keys() == {"calc_add", "calc_sub"}


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_house_without_servers_starts_no_process_and_knows_nothing(open_served: OpenServed) -> None:
    house = await open_served()
    assert await (await house.get(McpServers)).known() == {}
    assert await names(house) == []
    assert (await house.get(McpConnections)).children == frozenset()


async def test_the_fixture_gives_a_server_from_functions_and_ends_what_is_left(isolated_mcp_server: MakeMcpServer, tmp_path: Path) -> None:
    def double(number: int) -> int:
        """Twice as much."""
        return number * 2

    server = isolated_mcp_server([double], name="twice")
    assert json.loads(server.write_config(tmp_path).read_text()) == {"mcpServers": {"twice": server.entry}}
    assert server.spec.command == (server.entry["command"], *server.entry["args"])
    process = await asyncio.create_subprocess_exec(
        *server.spec.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    for line in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "double", "arguments": {"number": 21}}},
    ):
        process.stdin.write(json.dumps(line).encode() + b"\n")
    async with asyncio.timeout(SECONDS):
        answers = [json.loads(await process.stdout.readline()) for _ in range(2)]
    assert answers[1]["result"]["structuredContent"] == {"result": 42}
    assert server.processes() == [process.pid]
    process.kill()
    await process.wait()
    assert server.processes() == []
