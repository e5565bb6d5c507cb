"""Composio beside the tests, and houses that use it."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.chat import WAIT_SECONDS, Person
from tests.support.clients import http_client
from tests.support.composio import API_KEY, ComposioServer, run_composio
from tests.support.house_fixtures import house, open_served

__all__ = ["house", "open_served"]


@pytest.fixture
def composio() -> Iterator[ComposioServer]:
    with run_composio() as server:
        yield server


def settings_for(composio: ComposioServer, **more: Any) -> dict[str, Any]:
    """Of a house whose Composio is that one."""
    given = {"tools.composio.api_key": API_KEY, "tools.composio.base_url": composio.base_url, "tools.composio.poll_seconds": 0.05, "jobs.poll_seconds": 0.05}
    return {**given, **more}


async def finish(redirect_url: str) -> None:
    """What the person at the browser does."""
    async with http_client() as browser:
        await browser.get(redirect_url)


async def connect(person: Person, composio: ComposioServer, toolkit: str) -> str:
    """The id of a connection that works."""
    begun = (await person.client.post("/composio/connections/initiate", json={"toolkit": toolkit})).json()
    await finish(begun["redirect_url"])
    read = (await person.client.get(f"/composio/connections/{begun['connection_id']}")).json()
    assert read["status"] == "active", read
    return read["id"]


async def until(is_so: Callable[[], Any]) -> None:
    """Returns once that is so; looks again and again, because what it waits for happens in the background of a server."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            found = is_so()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.02)
