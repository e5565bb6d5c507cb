"""The database goes away under running turns, and comes back or does not."""

import asyncio
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.db import Database
from tests.faults.conftest import until_over, violations
from tests.support.chat import signed_up, text_of
from tests.support.proxy import tcp_proxy
from tests.support.server import parlor_server

# SQLite's file cannot be away: its full disk is tested with the engine, and again with a full disk in a batch.
pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True)


async def test_a_turn_outlives_a_short_absence_of_the_database(tmp_path: Path, database_url: str, db: Database, fake: FakeModel) -> None:
    """FM-S4: what is said meanwhile is kept in memory, and stored when the database is there again."""
    fake.script("fake", Script(chunks=60, pace_seconds=0.05))
    parts = urlsplit(database_url)
    async with tcp_proxy("127.0.0.1", parts.port or 0) as proxy:
        url = database_url.replace(f":{parts.port}/", f":{proxy.port}/")
        async with parlor_server(tmp_path / "server", url, fake.base_url, PARLOR_TURNS__LEASE_SECONDS="10") as server, signed_up(server.base_url) as ann:
            async with ann.stream(await ann.new_session()) as reader:
                turn_id, seen = reader.turn_id, []
                async for frame in reader.frames():
                    seen.append(frame)
                    count = sum(each.event == "text.delta" for each in seen)
                    if frame.event == "text.delta" and count == 5:
                        proxy.cut()
                    if frame.event == "text.delta" and count == 30:
                        refused = await ann.client.get("/sessions")
                        assert refused.status_code == 503
                        assert "Traceback" not in refused.text
                        proxy.mend()
            assert seen[-1].event == "turn.completed"
            assert text_of(seen) == "".join(f"w{n} " for n in range(60))
            await until_over(ann, [turn_id])
            assert await violations(db) == []


async def test_a_server_ends_in_time_though_its_database_is_away(tmp_path: Path, database_url: str, db: Database, fake: FakeModel) -> None:
    """REL-26: what could not be stored is left to the sweep of the next server."""
    fake.script("fake", Script(chunks=5000, pace_seconds=0.02))
    parts = urlsplit(database_url)
    async with tcp_proxy("127.0.0.1", parts.port or 0) as proxy:
        url = database_url.replace(f":{parts.port}/", f":{proxy.port}/")
        async with parlor_server(tmp_path / "server", url, fake.base_url, PARLOR_TURNS__DRAIN_SECONDS="0.5") as server, signed_up(server.base_url) as ann:
            turn_id = await ann.send(await ann.new_session())
            async with ann.follow(turn_id) as reader:
                await reader.until("text.delta", 3)
                proxy.cut()
                server.send(signal.SIGTERM)
                assert await server.ended(30) == 0, server.log
            upstream = await fake.seen()
            await asyncio.wait_for(upstream.closed.wait(), 1)
            proxy.mend()
            await server.start()
            ann.move_to(server.base_url)
            (turn,) = await until_over(ann, [turn_id])
            assert turn["state"] == "interrupted"
            assert await violations(db) == []
