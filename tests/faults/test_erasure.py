"""kill -9 in the middle of an erasure: the next server goes on with it, and nothing is left."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from parlor.core.db import Database, statement
from tests.faults.conftest import StartServer, violations
from tests.support.chat import PASSWORD, client_of, signed_up

STUCK = '''
import asyncio
from pathlib import Path

from parlor.module import Module

FOLDER = Path({folder!r})


class Stuck:
    """Stands between the rooms that are erased before it and those behind it, and does not end, the first time."""

    name, tables, describes = "stuck", (), {{}}

    async def export(self, account_id):
        return {{}}

    async def erase(self, account_id):
        if not (FOLDER / "stuck").exists():
            (FOLDER / "stuck").touch()
            await asyncio.sleep(3600)
        return 1


module = Module("stuck", user_data=Stuck)
'''
RECOVERY_SECONDS = 30.0

_finished = statement(text("SELECT count(*) FROM erasures WHERE erased_at IS NOT NULL"))
_PLACES = ("messages", "sessions", "turn_segments", "sign_ins")
_left = statement(text(f"SELECT {' + '.join(f'(SELECT count(*) FROM {name})' for name in _PLACES)}"))


@pytest.mark.timeout(180)
async def test_an_erasure_that_is_killed_in_the_middle_is_carried_out_by_the_next_server(start_server: StartServer, db: Database, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "stuck.py").write_text(STUCK.format(folder=str(tmp_path)))
    server = await start_server(PARLOR_MODULES__DIR=str(modules))
    async with signed_up(server.base_url) as ann:
        for _ in range(3):
            await ann.ask(await ann.new_session(), "Hello?")
        erasing = asyncio.create_task(ann.client.request("DELETE", "/auth/me", json={"password": PASSWORD}))
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not (tmp_path / "stuck").exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.02)
        await server.kill()
        with pytest.raises(httpx2.TransportError):
            await erasing
        assert await db.read(lambda tx: tx.run(_finished).scalar()) == 0
        await server.start()
        async with client_of(server.base_url) as client:
            assert (await client.post("/auth/login", json={"login": ann.email, "password": PASSWORD})).status_code == 401
        async with asyncio.timeout(RECOVERY_SECONDS):
            while await db.read(lambda tx: tx.run(_finished).scalar()) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert await db.read(lambda tx: tx.run(_left).scalar()) == 0
    assert await violations(db) == []
