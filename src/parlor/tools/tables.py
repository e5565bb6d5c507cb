"""All tables of this room, wherever in it they are made."""

from parlor.tools.mcp.oauth.tables import ToolClientRow, ToolGrantRow, ToolSignInRow

__all__ = ["ToolClientRow", "ToolGrantRow", "ToolSignInRow"]
