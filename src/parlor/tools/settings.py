"""Settings of tools."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from parlor.core.settings import RootSettings
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.mcp.settings import McpSettings

if TYPE_CHECKING:
    from parlor.tools.mcp.files import ServerFiles

_Decision = Literal["allow", "ask", "deny"]


class ToolSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(default=60, gt=0, description="The longest that one tool call may take.")
    arguments_most_bytes: int = Field(default=256 * 1024, ge=256, description="Larger arguments are an error that the model reads.")
    result_most_bytes: int = Field(default=64 * 1024, ge=256, description="A larger result is cut, with a mark that says so.")
    mcp_config: Path | None = Field(default=None, description="The file with MCP servers; unset is mcp.json beside parlor.toml, if it is there.")
    plugins_dir: Path | None = Field(
        default=None, description="The folder with plugins, NAME/plugin.toml each; unset is plugins beside parlor.toml, if it is there."
    )
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

    def server_files(self, place: Path, variables: Mapping[str, str]) -> "ServerFiles":
        """`place` is where parlor.toml is, `variables` what the files may name."""
        from parlor.tools.mcp.files import ServerFiles

        return ServerFiles(self.mcp_config, self.plugins_dir, place, variables)

    def file_problems(self, place: Path, variables: Mapping[str, str]) -> Sequence[str]:
        """Of mcp.json; what is wrong with a plugin is told where servers are listed."""
        return self.server_files(place, variables).read().problems

    def warnings(self, _root: RootSettings) -> Iterable[str]:
        yield from self.composio.warnings()
