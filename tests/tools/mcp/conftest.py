"""Houses with MCP servers in memory."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dishka import AsyncContainer

from parlor.testing import OpenHouse
from parlor.tools import Offer, ToolCaller
from parlor.tools.mcp.catalog import HOUSE, McpServers
from parlor.tools.mcp.source import McpToolSource
from tests.support.house_fixtures import house, open_served
from tests.support.tool_servers import MemoryAuthorizer, MemoryConnections, in_memory

__all__ = ["house", "open_served"]

T = TypeVar("T")


@dataclass
class ToolHouse:
    """A catalog over servers in memory. `folder` is where mcp.json and plugins are."""

    container: AsyncContainer
    connections: MemoryConnections
    authorizer: MemoryAuthorizer
    folder: Path

    async def get(self, kind: type[T]) -> T:
        return await self.container.get(kind)

    async def look(self, name: str, caller: ToolCaller = HOUSE) -> Any:
        servers = await self.get(McpServers)
        return await servers.look(await servers.get(name, caller), caller)

    async def offers(self, caller: ToolCaller = HOUSE) -> dict[str, Offer]:
        return {offer.tool.name: offer for offer in await (await self.get(McpToolSource)).offered(caller)}


class OpenToolHouse:
    def __init__(self, folder: Path, open_house: OpenHouse, database_url: str, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._open_house = open_house
        self._database_url = database_url
        self._stack = stack

    async def __call__(self, connections: MemoryConnections | None = None, **settings: Any) -> ToolHouse:
        authorizer = MemoryAuthorizer()
        given = connections or MemoryConnections(authorizer)
        given._authorizer = authorizer
        container = await self._stack.enter_async_context(
            self._open_house(settings={"database.url": self._database_url, **settings}, overrides=[in_memory(given, authorizer)])
        )
        return ToolHouse(container, given, authorizer, self.folder)


@pytest.fixture
async def open_tools(tmp_path: Path, parlor_house: OpenHouse, database_url: str) -> AsyncIterator[OpenToolHouse]:
    async with AsyncExitStack() as stack:
        yield OpenToolHouse(tmp_path, parlor_house, database_url, stack)
