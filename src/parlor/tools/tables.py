"""All tables of this room, wherever in it they are made."""

from parlor.tools.mcp.oauth.tables import ToolClientRow, ToolGrantRow, ToolSignInRow
from parlor.tools.mcp.tables import McpServerRow, ToolPin

__all__ = ["McpServerRow", "ToolClientRow", "ToolGrantRow", "ToolPin", "ToolSignInRow"]
