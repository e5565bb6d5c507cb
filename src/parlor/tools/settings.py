"""Settings of tools."""

from pydantic import BaseModel, ConfigDict, Field

from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.mcp.settings import McpSettings


class ToolSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(default=60, gt=0, description="The longest that one tool call may take.")
    result_most_bytes: int = Field(default=64 * 1024, ge=256, description="A larger result is cut, with a mark that says so.")
    mcp: McpSettings = Field(default_factory=McpSettings)
    composio: ComposioSettings = Field(default_factory=ComposioSettings)
