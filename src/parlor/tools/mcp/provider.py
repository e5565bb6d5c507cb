"""How the services of MCP are built."""

from collections.abc import AsyncGenerator

from dishka import Provider

from parlor.config import Settings
from parlor.core.lifecycle import Residents
from parlor.core.outbound import Outbound
from parlor.core.settings import RootSettings
from parlor.tools.mcp.added import AddedServers
from parlor.tools.mcp.administration import McpAdministration
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.files import ServerFiles
from parlor.tools.mcp.keeper import McpKeeper
from parlor.tools.mcp.oauth.provider import provide_oauth
from parlor.tools.mcp.pins import PinBook
from parlor.tools.mcp.ports import Authorizer, Connections, ServerDirectory
from parlor.tools.mcp.settings import McpSettings
from parlor.tools.mcp.source import McpToolSource
from parlor.tools.mcp.states import ServerStates
from parlor.tools.mcp.user_data import McpUserData
from parlor.tools.settings import ToolSettings


async def _connections(settings: ToolSettings, outbound: Outbound, authorizer: Authorizer, root: RootSettings) -> AsyncGenerator[McpConnections]:
    """One pool per process. Nothing runs, and the library is not loaded, before a server is used."""
    connections = McpConnections(settings.mcp.connections, outbound, authorizer, run_folder=root.data_dir / "run")
    await connections.start()
    yield connections
    await connections.close()


def _files(settings: Settings, tools: ToolSettings) -> ServerFiles:
    return tools.server_files(settings.place, settings.variables)


def _settings(tools: ToolSettings) -> McpSettings:
    return tools.mcp


def _residents(residents: Residents, keeper: McpKeeper) -> Residents:
    return residents.adding("mcp", keeper.live)


def provide_mcp(provider: Provider) -> None:
    provider.provide(_connections)
    provider.alias(McpConnections, provides=Connections)
    provider.provide(_files)
    provider.provide(_settings)
    provider.provide_all(AddedServers, McpAdministration, McpKeeper, McpServers, McpToolSource, McpUserData, PinBook, ServerStates)
    provider.alias(McpServers, provides=ServerDirectory)
    provide_oauth(provider)
    provider.decorate(_residents)
