"""Settings of MCP."""

from pydantic import BaseModel, ConfigDict, Field

from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.oauth.settings import OAuthSettings


class McpSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    connections: McpConnectionSettings = Field(default_factory=McpConnectionSettings)
    oauth: OAuthSettings = Field(default_factory=OAuthSettings)
