"""How the services of MCP are built."""

from collections.abc import AsyncGenerator

from dishka import Provider

from parlor.core.outbound import Outbound
from parlor.core.settings import RootSettings
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.no_servers import NoServers
from parlor.tools.mcp.oauth.provider import provide_oauth
from parlor.tools.mcp.ports import Authorizer, Connections, ServerDirectory
from parlor.tools.settings import ToolSettings


async def _connections(settings: ToolSettings, outbound: Outbound, authorizer: Authorizer, root: RootSettings) -> AsyncGenerator[McpConnections]:
    """One pool per process. Nothing runs, and the library is not loaded, before a server is used."""
    connections = McpConnections(settings.mcp.connections, outbound, authorizer, run_folder=root.data_dir / "run")
    await connections.start()
    yield connections
    await connections.close()


def provide_mcp(provider: Provider) -> None:
    provider.provide(_connections)
    provider.alias(McpConnections, provides=Connections)
    provider.provide(NoServers, provides=ServerDirectory)
    provide_oauth(provider)
