"""Servers as child processes: what they get, what they may take, and that none is left, whoever is killed (SEC-13, REL-16)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.children import environment, find_program
from parlor.tools.mcp.connections.leftovers import Leftovers, started
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import ProcessLimits
from parlor.tools.ports import ExecutionContext, ToolCaller
from tests.support.mcp.servers import raw, stdio
from tests.tools.mcp.connections.conftest import Call

USER = Path(__file__).parents[3] / "support" / "mcp" / "user.py"


def is_alive(pid: int) -> bool:
    return started(pid) is not None  # a zombie is not


def until_gone(pids: Iterable[int], seconds: float = 5) -> list[int]:
    """Those that are still there after at most `seconds`."""
    until = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def zombies() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]


async def test_a_child_gets_nothing_of_our_environment(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """SEC-13: a list of what is passed on, not of what is not."""
    for name in ("PARLOR_SECRET", "OPENAI_API_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "NODE_OPTIONS", "LD_PRELOAD", "PYTHONPATH", "path", "LCALL"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("LC_TIME", "C")
    told = json.loads(await call(raw(env={"MINE": "given", "NODE_OPTIONS": "--given"}), "environment"))
    assert "canary" not in told.values()
    assert told["MINE"] == "given"
    assert told["NODE_OPTIONS"] == "--given"
    assert told["LC_TIME"] == "C"
    assert told["PATH"] == os.environ["PATH"]
    passed_on = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TMPDIR", "TZ", "TERM", "LC_TIME", "LC_CTYPE", "LC_ALL"}
    assert set(told) <= passed_on | {"MINE", "NODE_OPTIONS"}


async def test_a_child_is_limited_and_runs_where_it_is_told_to(call: Call, tmp_path: Path) -> None:
    spec = raw(limits=ProcessLimits(memory_bytes=2**30, cpu_seconds=100, open_files=64), cwd=tmp_path)
    assert json.loads(await call(spec, "limits")) == [2**30, 100, 64]
    assert await call(spec, "where") == str(tmp_path)
    free = json.loads(await call(raw("free"), "limits"))
    assert free[0] == free[1] == -1


async def test_a_child_that_has_used_up_its_time_is_started_anew(call: Call) -> None:
    spec = raw(limits=ProcessLimits(cpu_seconds=1))
    with pytest.raises(ToolError, match="ended the connection"):
        await call(spec, "spin")
    assert await call(spec, "echo", text="anew") == "anew"


def test_python_is_there_even_where_the_path_has_none(tmp_path: Path) -> None:
    env = environment({"PATH": str(tmp_path)}, {})
    assert find_program(stdio("s", "python3"), env) == find_program(stdio("s", "python"), env) == sys.executable
    (tmp_path / "python3").symlink_to("/bin/sh")
    assert find_program(stdio("s", "python3"), env) == str(tmp_path / "python3")


@pytest.mark.parametrize("whom", ["server", "grandchild too"])
async def test_a_server_that_is_killed_during_a_call(whom: str, pool: McpConnections, call: Call) -> None:
    spec = raw()
    process = int(await call(spec, "pid"))
    family = [process, int(await call(spec, "child"))] if whom != "server" else [process]
    waiting = asyncio.create_task(call(spec, "never"))
    while "never" not in json.loads(await call(spec, "seen"))["calls"]:
        pass
    os.kill(process, signal.SIGKILL)
    with pytest.raises(ToolError, match="ended the connection"):
        await waiting
    assert int(await call(spec, "pid")) != process
    assert not await asyncio.to_thread(until_gone, family)
    assert not zombies()
    assert len(pool.children) == 1


async def test_a_server_that_heeds_nothing_is_killed_with_all_it_has_started(pool: McpConnections, call: Call) -> None:
    spec = raw(env={"RAW_START": "stubborn"})
    family = [int(await call(spec, "pid")), int(await call(spec, "child"))]
    await pool.retire(spec.key)
    assert not await asyncio.to_thread(until_gone, family)
    assert not pool.children
    assert not zombies()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_nothing_outlives_a_process_that_is_killed(loop: str, tmp_path: Path) -> None:
    """REL-16: server and grandchild ignore the end of their input and SIGTERM."""
    user = subprocess.Popen([sys.executable, str(USER), str(tmp_path), "2", loop], stdout=subprocess.PIPE)
    assert user.stdout is not None
    family = json.loads(await asyncio.to_thread(user.stdout.readline))
    everybody = [child.pid for child in psutil.Process(user.pid).children(recursive=True)]
    assert set(family) <= set(everybody)
    assert len(everybody) == 5  # and a warden
    user.kill()
    user.wait()
    user.stdout.close()
    assert not await asyncio.to_thread(until_gone, everybody)


async def test_what_even_the_warden_could_not_kill_is_found_at_the_next_start(tmp_path: Path) -> None:
    user = subprocess.Popen([sys.executable, str(USER), str(tmp_path), "1", "asyncio"], stdout=subprocess.PIPE)
    assert user.stdout is not None
    server, grandchild = json.loads(await asyncio.to_thread(user.stdout.readline))
    (note,) = tmp_path.glob("*.json")
    another = note.read_text()
    for child in psutil.Process(user.pid).children():
        if child.pid != server:
            child.kill()  # the warden
    user.kill()
    user.wait()
    user.stdout.close()
    assert not await asyncio.to_thread(until_gone, [server] if sys.platform == "linux" else [])
    assert is_alive(grandchild)
    # The leader has died with its parent, so the group is not known to be ours any more; one whose leader is alive is ended.
    sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    leader, stranger = (subprocess.Popen(sleeper, start_new_session=True) for _ in range(2))
    noted = {**json.loads(another), "groups": {str(leader.pid): started(leader.pid), str(stranger.pid): "another time"}}
    note.write_text(json.dumps(noted))
    assert Leftovers(tmp_path).sweep() == 1
    assert leader.wait(5) == -signal.SIGKILL
    assert stranger.poll() is None  # only its id is the same
    stranger.kill()
    stranger.wait()
    assert not list(tmp_path.glob("*.json"))
    os.kill(grandchild, signal.SIGKILL)


async def test_the_notes_of_a_living_process_are_left_alone(open_pool: Callable[..., McpConnections], caller: ToolCaller, tmp_path: Path) -> None:
    pool = open_pool(run_folder=tmp_path / "run")
    context = ExecutionContext(caller, "c1")
    await pool.call(raw(), "pid", {}, context)
    assert len(list((tmp_path / "run").glob("*.json"))) == 1
    assert Leftovers(tmp_path / "run").sweep() == 0
    assert (await pool.call(raw(), "echo", {"text": "x"}, context)).result == "x"
    await pool.retire("raw")
    assert not list((tmp_path / "run").glob("*.json"))


@pytest.mark.parametrize("cycles", [10, pytest.param(200, marks=pytest.mark.long)])
async def test_connecting_failing_and_connecting_again_leaves_nothing(cycles: int, open_pool: Callable[..., McpConnections], caller: ToolCaller) -> None:
    """REL-16."""
    pool, context = open_pool(failures_to_open_circuit=10**6), ExecutionContext(caller, "c1")
    fails = raw(env={"RAW_START": "exit"})
    for _ in range(cycles):
        with pytest.raises(ToolError):
            await pool.call(fails, "pid", {}, context)
        assert (await pool.call(raw("good"), "echo", {"text": "x"}, context)).result == "x"
        with pytest.raises(ToolError):
            await pool.call(raw("good"), "exits", {}, context)
        assert len(pool.children) <= 2
    assert not await asyncio.to_thread(until_gone, pool.children)
    assert not zombies()
