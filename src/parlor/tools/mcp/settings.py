"""Settings of MCP, beside the files that name the servers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.oauth.settings import OAuthSettings


class McpSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_user_servers: bool = Field(default=False, description="Users may add HTTP servers of their own, which nobody else sees; at most 20 each.")
    watch: bool | None = Field(default=None, description="Read mcp.json and the plugins again whenever they change; unset is on in development.")
    new_tools: Literal["allow", "ask-operator"] = Field(
        default="allow", description="What becomes of a tool that a known server offers only later: allow, or wait for an administrator's approval."
    )
    refresh_seconds: float = Field(default=300, ge=5, description="How often each server is asked for its tools again, give or take a fifth.")
    connections: McpConnectionSettings = Field(default_factory=McpConnectionSettings)
    oauth: OAuthSettings = Field(default_factory=OAuthSettings)
