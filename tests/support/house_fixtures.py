"""Fixtures over `serve_house`, for the conftest of whoever wants them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import ServedHouse, serve_house

OpenServed = Callable[..., Awaitable[ServedHouse]]


@pytest.fixture
async def open_served(tmp_path: Path, database_url: str) -> AsyncIterator[OpenServed]:
    """Opens the house: `await open_served(model, settings={"wallet.initial_bonus_micros": 0})`."""
    async with AsyncExitStack() as stack:

        async def open_it(*models: Any, **more: Any) -> ServedHouse:
            return await stack.enter_async_context(serve_house(tmp_path, database_url, *models, **more))

        yield open_it


@pytest.fixture
async def house(open_served: OpenServed) -> ServedHouse:
    """With the fake provider and the usual settings."""
    return await open_served()
