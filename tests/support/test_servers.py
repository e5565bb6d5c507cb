"""The servers that tests run on."""

import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import redis.asyncio as redis

from parlor.core.db import Database
from tests.support.postgres import PostgresServer

RUNS_A_SERVER_AND_WAITS = """
import sys
from tests.support.{module} import run_{module}
with run_{module}():
    print("running", flush=True)
    sys.stdin.read()
"""


async def test_valkey_answers_ping(valkey: str) -> None:
    async with redis.from_url(valkey) as client:
        assert await client.ping()


async def test_postgres_is_18_and_has_pgvector(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        connection = await asyncpg.connect(url)
        try:
            assert connection.get_server_version().major == 18
            await connection.execute("CREATE EXTENSION vector")
            assert await connection.fetchval("SELECT '[1,2]'::vector <-> '[1,3]'::vector") == 1.0
        finally:
            await connection.close()


async def test_a_database_can_be_opened_on_both_engines(db: Database, engine: str) -> None:
    assert await db.read(lambda tx: tx.is_postgres) is (engine == "postgres")


def test_a_killed_test_process_leaves_no_postgres() -> None:
    assert_nothing_is_left_after_a_kill("postgres")


def test_a_killed_test_process_leaves_no_valkey() -> None:
    assert_nothing_is_left_after_a_kill("valkey")


def assert_nothing_is_left_after_a_kill(module: str) -> None:
    program = RUNS_A_SERVER_AND_WAITS.format(module=module)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == b"running\n"
        family = psutil.Process(tests.pid).children(recursive=True)
        folders = [Path(word) for process in family for word in process.cmdline() if f"parlor-{module}-" in word and word.startswith("/")]
        tests.send_signal(signal.SIGKILL)
        tests.wait()
    assert len(family) >= 2, "a keeper and its server"
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert not any(folder.exists() for folder in folders)
