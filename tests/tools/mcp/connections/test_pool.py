"""Who shares a connection, how long it lives, and what is known of a server."""

import asyncio
import gc
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.ports import ExecutionContext, Progress, ToolCaller
from tests.support.mcp.servers import raw
from tests.tools.mcp.connections.conftest import Call

ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])


def context() -> ExecutionContext:
    return ExecutionContext(ToolCaller(uuid4()), "c1")


async def until(condition: Callable[[], Any]) -> None:
    """Waits until it is true, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # a pool tells nobody
            await asyncio.sleep(0.01)


async def test_a_server_of_the_operator_is_one_process_for_everybody(pool: McpConnections) -> None:
    pids = await asyncio.gather(*(pool.call(raw(), "pid", {}, context()) for _ in range(20)))
    assert len({outcome.result for outcome in pids}) == 1
    assert pool.status(raw()).connections == 1


async def test_another_command_or_environment_is_another_connection(pool: McpConnections) -> None:
    first = await pool.call(raw(), "pid", {}, context())
    assert await pool.call(raw(env={"A": "1"}), "pid", {}, context()) != first
    assert await pool.call(replace(raw(), description="new words"), "pid", {}, context()) == first


async def test_what_each_user_signs_in_to_is_not_shared(open_pool: Callable[..., McpConnections]) -> None:
    pool, spec, ann = open_pool(connections_most=2), raw(uses_sign_in=True), context()
    first = await pool.call(spec, "pid", {}, ann)
    assert await pool.call(spec, "pid", {}, ann) == first
    assert await pool.call(spec, "pid", {}, context()) != first
    assert pool.status(spec).connections == 2
    await pool.call(spec, "pid", {}, context())  # the one longest unused, Ann's, makes room
    await until(lambda: len(pool.children) == 2)
    assert await pool.call(spec, "pid", {}, ann) != first


async def test_nobody_loses_a_connection_in_use_to_somebody_else(open_pool: Callable[..., McpConnections]) -> None:
    pool, spec, ann = open_pool(connections_most=1), raw(uses_sign_in=True), context()
    waiting = asyncio.create_task(pool.call(spec, "wait", {"seconds": 1}, ann))
    await until(lambda: pool.status(spec).state == "ready")
    with pytest.raises(ToolError, match="as many people as it may be"):
        await pool.call(spec, "pid", {}, context())
    assert (await waiting).result == "done"


async def test_a_connection_is_closed_when_nobody_uses_it(open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool(idle_seconds=0.3)
    first = await pool.call(raw(), "pid", {}, context())
    assert (await pool.call(raw(), "wait", {"seconds": 0.5}, context())).result == "done"  # not while it is in use
    assert await pool.call(raw(), "pid", {}, context()) == first
    await until(lambda: not pool.children)
    assert pool.status(raw()).state == "idle"
    assert await pool.call(raw(), "pid", {}, context()) != first


async def test_an_old_connection_ends_with_its_last_call(open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool(lifetime_seconds=0.4)
    first = await pool.call(raw(), "pid", {}, context())
    waiting = asyncio.create_task(pool.call(raw(), "wait", {"seconds": 1.2}, context()))
    await until(lambda: pool.status(raw()).connections == 0)
    assert await pool.call(raw(), "pid", {}, context()) != first
    assert (await waiting).result == "done"


async def test_a_retired_server_is_gone_with_its_calls(pool: McpConnections) -> None:
    waiting = asyncio.create_task(pool.call(raw(), "never", {}, context()))
    await until(lambda: pool.status(raw()).state == "ready")
    await pool.retire("raw")
    with pytest.raises(ToolError, match="was closed"):
        await waiting
    assert not pool.children


async def test_retiring_a_server_that_is_just_being_opened(pool: McpConnections) -> None:
    spec = raw(env={"RAW_START": "silent"})
    waiting = asyncio.create_task(pool.call(spec, "never", {}, context()))
    await until(lambda: pool.status(spec).state == "connecting")
    await pool.retire("raw")
    with pytest.raises(ToolError, match="was closed"):
        await waiting
    assert not pool.children


async def test_a_server_that_fails_again_and_again_is_left_alone(open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool(failures_to_open_circuit=3, circuit_seconds=0.5)
    fails = raw(env={"RAW_START": "exit"})
    for _ in range(3):
        with pytest.raises(ToolError, match="ended while"):
            await pool.call(fails, "pid", {}, context())
    assert pool.status(fails).state == "circuit_open"
    with pytest.raises(ToolError, match="left alone"):
        await pool.call(fails, "pid", {}, context())
    await until(lambda: pool.status(fails).state != "circuit_open" or pool._servers["raw"].breaker.state == "half_open")
    assert (await pool.call(raw(), "echo", {"text": "back"}, context())).result == "back"
    assert pool.status(raw()).state == "ready"
    assert pool.status(raw()).last_error is None


async def test_a_failed_call_says_nothing_against_its_server(open_pool: Callable[..., McpConnections]) -> None:
    pool = open_pool(failures_to_open_circuit=1)
    for tool in ("refuses", "no_such_tool", "nonsense"):
        with pytest.raises(ToolError):
            await pool.call(raw(), tool, {}, context())
    with pytest.raises(ToolError, match="in time"):
        await pool.call(raw(timeout_seconds=0.1), "never", {}, context())
    assert pool.status(raw()).state == "ready"


@ERAS
async def test_results_in_their_kinds(era: str, call: Call, pool: McpConnections) -> None:
    spec = raw(era=era)
    assert await call(spec, "structured", a=[1, {"b": None}]) == {"a": [1, {"b": None}]}
    failed = await pool.call(spec, "fails", {}, context())
    assert (failed.result, failed.is_error) == ("it cannot be done", True)


@ERAS
async def test_progress_is_passed_on(era: str, pool: McpConnections, caller: ToolCaller) -> None:
    told = list[Progress]()
    spec = raw(era=era)
    await pool.call(spec, "progresses", {"steps": 1000}, ExecutionContext(caller, "c1", progress=told.append))
    assert (told[0].done, told[0].total, told[0].message) == (1, 1000, "step 1")
    assert len(told) < 100


@ERAS
async def test_a_server_may_say_that_its_tools_have_changed(era: str, pool: McpConnections, call: Call) -> None:
    told = list[str]()
    pool.on_changed(told.append)
    spec = raw(era=era)
    await call(spec, "pid")
    await call(spec, "changes")
    await until(lambda: told)
    assert set(told) == {"raw"}


@ERAS
async def test_cancelling_a_caller_cancels_the_call_and_not_the_connection(era: str, pool: McpConnections, call: Call) -> None:
    spec = raw(era=era)
    process = await call(spec, "pid")
    waiting = asyncio.create_task(call(spec, "never"))
    while "never" not in json.loads(await call(spec, "seen"))["calls"]:
        pass
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        while len(json.loads(await call(spec, "seen"))["cancelled"]) != 1:
            pass
    assert await call(spec, "pid") == process


async def test_two_hundred_calls_at_once_are_not_mixed_up(pool: McpConnections) -> None:
    """Ten servers, of both eras; each call carries a canary of its user's, and waits a moment, so that they overlap."""
    specs = [raw(f"s{number}", era="modern" if number % 2 else "legacy") for number in range(10)]
    users = [context() for _ in range(200)]

    async def call(number: int, user: ExecutionContext) -> None:
        canary = f"{number}-{user.account_id}"
        outcome = await pool.call(specs[number % 10], "wait", {"seconds": random.random() / 10, "text": canary}, user)
        assert outcome.result == canary

    await asyncio.gather(*(call(number, user) for number, user in enumerate(users)))
    assert len(pool.children) == 10


async def test_fifty_connections_in_any_order_with_cancels_anywhere(open_pool: Callable[..., McpConnections], caplog: pytest.LogCaptureFixture) -> None:
    """REL-17. Nothing may be left of them, and nothing may complain of cancel scopes; the fixture looks for tasks and processes."""
    pool, chance = open_pool(), random.Random(17)
    complaints = list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))

    async def use(number: int) -> None:
        spec = raw(f"s{number}", era=chance.choice(["modern", "legacy"]))
        user = context()
        steps: list[Awaitable[Any]] = [pool.call(spec, chance.choice(["wait", "never"]), {"seconds": 0.01}, user) for _ in range(3)]
        calls = [asyncio.ensure_future(step) for step in steps]
        for task in calls:
            await asyncio.sleep(chance.random() * 0.3)
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if chance.random() < 0.7:
            closing = asyncio.ensure_future(pool.retire(spec.key))
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.01)
                closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)

    await asyncio.gather(*(use(number) for number in range(50)))
    await pool.close()
    gc.collect()
    assert not pool.children
    assert not complaints
    assert "cancel scope" not in caplog.text


async def test_a_closed_pool_opens_nothing(pool: McpConnections) -> None:
    await pool.close()
    with pytest.raises(ToolError, match="shutting down"):
        await pool.call(raw(), "pid", {}, context())
