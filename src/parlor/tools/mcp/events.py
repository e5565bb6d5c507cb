"""What happened to MCP servers and their tools. `account_id` is whose server it is, or of whom an operator's one was changed; None at the command line."""

from dataclasses import dataclass
from typing import ClassVar

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class _OfServer(Event):
    """`server` is its key: a name, or ACCOUNT/NAME."""

    server: str

    @property
    def aggregate(self) -> str:
        return f"mcp server {self.server}"


@dataclass(frozen=True, kw_only=True)
class McpServerAdded(_OfServer):
    name: ClassVar[str] = "mcp.server_added"
    url: str


@dataclass(frozen=True, kw_only=True)
class McpServerChanged(_OfServer):
    name: ClassVar[str] = "mcp.server_changed"
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class McpServerRemoved(_OfServer):
    name: ClassVar[str] = "mcp.server_removed"


@dataclass(frozen=True, kw_only=True)
class McpToolChanged(_OfServer):
    """The server describes a tool otherwise than it was approved, or a new one that waits for approval (`approved_hash` is None)."""

    name: ClassVar[str] = "mcp.tool_changed"
    tool: str
    approved_hash: str | None
    pending_hash: str


@dataclass(frozen=True, kw_only=True)
class McpToolApproved(_OfServer):
    name: ClassVar[str] = "mcp.tool_approved"
    tool: str
    approved_hash: str
