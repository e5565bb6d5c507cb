"""Servers to break, and the questions that every broken one must answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.fake_model import FakeModel
from parlor.core.db import Database
from parlor.core.invariants import check_invariants
from parlor.module import discover
from tests.support.chat import Person
from tests.support.server import ParlorServer, parlor_server
from tests.support.stored_history import history_complaints

RECOVERY_SECONDS = 30.0
"""Within this, no turn is without an end (INV-T4)."""

StartServer = Callable[..., Awaitable[ParlorServer]]


@pytest.fixture
async def fake() -> AsyncIterator[FakeModel]:
    """The provider lives in the test's process, and so through the death of any server."""
    async with FakeModel() as model:
        yield model


@pytest.fixture
async def start_server(tmp_path: Path, database_url: str, fake: FakeModel) -> AsyncIterator[StartServer]:
    """`await start_server("second", PARLOR_TURNS__DRAIN_SECONDS="1")`: a server with a data directory of its own, on the test's database."""
    async with AsyncExitStack() as stack:

        async def start(name: str = "server", **settings: str) -> ParlorServer:
            return await stack.enter_async_context(parlor_server(tmp_path / name, database_url, fake.base_url, **settings))

        yield start


@pytest.fixture(autouse=True)
async def histories_that_providers_take(db: Database) -> AsyncIterator[None]:
    """Whatever a test breaks: every conversation that it leaves behind can be gone on with (INV-T7)."""
    yield
    assert await history_complaints(db) == []


async def violations(db: Database) -> list[str]:
    """Of everything that must hold in what is stored."""
    invariants = [each for found in discover() if found.module.invariants for each in found.module.invariants()]
    assert invariants
    return [f"{each.code}: {each.sentence}" for each in await check_invariants(db, invariants)]


async def until_over(person: Person, turn_ids: Sequence[str], seconds: float = RECOVERY_SECONDS) -> list[dict[str, Any]]:
    """The turns, once all of them have ended; fails when that takes longer."""
    async with asyncio.timeout(seconds):
        for turn_id in turn_ids:
            await person.replay(turn_id)
    turns = [await person.turn(turn_id) for turn_id in turn_ids]
    assert all(turn["ended_at"] for turn in turns)
    return turns
