"""What is stored about a person who has MCP servers of their own."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.tools.mcp import pin_queries, server_queries
from parlor.tools.mcp.added import AddedServers
from parlor.tools.mcp.pins import PinBook

_SERVER = (
    *("name", "transport", "url", "description", "require_approval", "timeout_ms", "uses_sign_in", "is_enabled"),
    *("header_names", "created_at", "updated_at"),
)
_PIN = ("server_key", "tool", "approved", "pending", "is_listed", "first_seen_at", "approved_at")


class McpUserData:
    name = "mcp"
    tables = ("mcp_servers", "tool_pins")
    describes: ClassVar[Mapping[str, str]] = {
        "mcp_servers": "MCP servers that were added for this account alone. Of headers only the names: their values are secrets.",
        "mcp_tools": "What those servers say of their tools.",
    }

    def __init__(self, db: Database, added: AddedServers, pins: PinBook) -> None:
        self._db = db
        self._added = added
        self._pins = pins

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        servers, pins = await self._db.read(lambda tx: (server_queries.of_owner(tx, account_id), pin_queries.of_owner(tx, account_id)))
        return {
            "mcp_servers": [{name: getattr(row, name) for name in _SERVER} for row in servers],
            "mcp_tools": [{name: getattr(row, name) for name in _PIN} for row in pins],
        }

    async def erase(self, account_id: UUID) -> int:
        """Their own servers go; that they added or approved one of the operator's is forgotten."""

        def erase(tx: Transaction) -> int:
            own = server_queries.remove_of_owner(tx, account_id) + pin_queries.remove_of_owner(tx, account_id)
            return own + server_queries.unname(tx, account_id) + pin_queries.unname(tx, account_id)

        touched = await self._db.write(erase, bulk=True)
        self._pins.forget(account_id)
        await self._added.read()
        return touched
