"""Pools of connections, and people who call tools over them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import ExecutionContext, ToolCaller

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    door = Outbound(OutboundSettings())
    yield door
    await door.close()


@pytest.fixture
async def open_pool(outbound: Outbound) -> AsyncIterator[Callable[..., McpConnections]]:
    """Makes pools, each with its settings; after the test none of them may have left a task or a process."""
    pools = list[McpConnections]()
    before = asyncio.all_tasks()

    def make(*, authorizer: Any = None, run_folder: Any = None, door: Outbound | None = None, **settings: Any) -> McpConnections:
        given = McpConnectionSettings(**{"close_seconds": 0.5, "backoff_seconds": 0, **settings})
        pools.append(McpConnections(given, door or outbound, authorizer, run_folder))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()
        assert not pool.children
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} <= {asyncio.current_task()}


@pytest.fixture
def pool(open_pool: Callable[..., McpConnections]) -> McpConnections:
    return open_pool()


@pytest.fixture
def caller() -> ToolCaller:
    return ToolCaller(uuid4())


@pytest.fixture
def call(pool: McpConnections, caller: ToolCaller) -> Call:
    """`await call(spec, tool, **arguments)`: what came back, as its result."""

    async def make(spec: ServerSpec, tool: str, /, **arguments: Any) -> Any:
        return (await pool.call(spec, tool, arguments, ExecutionContext(caller, "c1"))).result

    return make
