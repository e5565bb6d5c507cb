"""What happened to MCP servers and their tools. `account_id` is whose server it is, or of whom an operator's one was changed; None at the command line."""

from typing import ClassVar

from parlor.core.events import Event


class _OfServer(Event, frozen=True, kw_only=True):
    """`server` is its key: a name, or ACCOUNT/NAME."""

    server: str

    @property
    def aggregate(self) -> str:
        return f"mcp server {self.server}"


class McpServerAdded(_OfServer, frozen=True, kw_only=True):
    name: ClassVar[str] = "mcp.server_added"
    url: str


class McpServerChanged(_OfServer, frozen=True, kw_only=True):
    name: ClassVar[str] = "mcp.server_changed"
    fields: tuple[str, ...]


class McpServerRemoved(_OfServer, frozen=True, kw_only=True):
    name: ClassVar[str] = "mcp.server_removed"


class McpToolChanged(_OfServer, frozen=True, kw_only=True):
    """The server describes a tool otherwise than it was approved, or a new one that waits for approval (`approved_hash` is None)."""

    name: ClassVar[str] = "mcp.tool_changed"
    tool: str
    approved_hash: str | None
    pending_hash: str


class McpToolApproved(_OfServer, frozen=True, kw_only=True):
    name: ClassVar[str] = "mcp.tool_approved"
    tool: str
    approved_hash: str
