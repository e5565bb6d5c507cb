"""Settings of tools."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.mcp.settings import McpSettings

_Decision = Literal["allow", "ask", "deny"]


class ToolSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(default=60, gt=0, description="The longest that one tool call may take.")
    arguments_most_bytes: int = Field(default=256 * 1024, ge=256, description="Larger arguments are an error that the model reads.")
    result_most_bytes: int = Field(default=64 * 1024, ge=256, description="A larger result is cut, with a mark that says so.")
    mcp: McpSettings = Field(default_factory=McpSettings)
    composio: ComposioSettings = Field(default_factory=ComposioSettings)
    policy: dict[str, _Decision] = Field(
        default_factory=dict[str, _Decision],
        description='Globs of tools: allow, ask or deny; the longest that matches counts. `"github_*" = "ask"`',
    )
    group_policy: dict[str, dict[str, _Decision]] = Field(
        default_factory=dict[str, dict[str, _Decision]],
        description="The same for the members of a group, above the table for everybody.",
    )
