"""The transport of HTTP and SSE, which is older than the streamable one and still met."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import ExecutionContext, ToolCaller
from tests.support.mcp.raw_http import Exchange, run_raw_http
from tests.support.mcp.servers import run_everything


def context(**rest: Any) -> ExecutionContext:
    return ExecutionContext(ToolCaller(uuid4()), "c1", **rest)


async def result(pool: McpConnections, spec: ServerSpec, tool: str, user: ExecutionContext | None = None, /, **arguments: Any) -> Any:
    return (await pool.call(spec, tool, arguments, user or context())).result


async def _silent(exchange: Exchange) -> None:
    await exchange.gone.wait()


async def _drips(exchange: Exchange) -> None:
    while not exchange.gone.is_set():
        await exchange.send(b": hello\n\n")
        await asyncio.sleep(0.01)


async def _leads_elsewhere(exchange: Exchange) -> None:
    await exchange.send(b"event: endpoint\ndata: http://example.com/messages\n\n")
    await exchange.gone.wait()


async def _ends(exchange: Exchange) -> None:
    exchange.writer.close()


async def _one_endless_event(exchange: Exchange) -> None:
    await exchange.send(b"data: ")
    while not exchange.gone.is_set():
        await exchange.send(b"x" * 65536)


@pytest.mark.parametrize("behaviour", [_silent, _drips, _leads_elsewhere, _ends, _one_endless_event])
async def test_a_stream_of_the_older_transport_that_is_none(behaviour: Callable[[Exchange], Any], pool: McpConnections) -> None:
    async def before(exchange: Exchange) -> bool:
        await exchange.stream()
        await behaviour(exchange)
        return True

    async with run_raw_http(before=before) as raw:
        spec = ServerSpec("old", "old", "sse", "config", url=raw.url, is_trusted=True, connect_seconds=1)
        with pytest.raises(ToolError, match=r"within 1 seconds|does not speak|did not accept|cannot be reached|did not answer"):
            await result(pool, spec, "echo", text="x")
        await asyncio.wait_for(raw.requests[0].gone.wait(), 5)


async def test_one_refused_message_does_not_end_a_connection_of_the_older_transport(pool: McpConnections) -> None:
    """The library would stop writing for good after the first."""
    with run_everything("sse") as url:
        limits = {"is_trusted": True, "timeout_seconds": 5}
        spec = ServerSpec("old", "old", "sse", "config", url=url, **limits)
        assert await result(pool, spec, "echo", message="x") == "Echo: x"
        # more than it takes: its refusal is lost when it closes the connection before all was sent
        with pytest.raises(ToolError, match=r"HTTP status|closed the connection"):
            await result(pool, spec, "echo", message="x" * 5_000_000)
        assert await result(pool, spec, "echo", message="x") == "Echo: x"
        assert pool.status(spec).connections == 1
