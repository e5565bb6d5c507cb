"""Servers and their tools as they are shown."""

from collections.abc import Mapping

from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.known import Known, Look, ServerState, Status, ToolState
from parlor.tools.mcp.pins import Pin, PinBook
from parlor.tools.mcp.ports import Connections
from parlor.tools.mcp.source import McpToolSource
from parlor.tools.ports import ToolCaller

_UNOFFERED = "the server does not answer, or does not offer it now"
_REASONS = {
    "changed": "The server describes it otherwise than it was approved: it is not offered until somebody approves it as it is now.",
    "new": "It has come since the server was first seen: it is not offered until somebody approves it.",
}


class ServerStates:
    def __init__(self, servers: McpServers, pins: PinBook, connections: Connections, source: McpToolSource) -> None:
        self._servers = servers
        self._pins = pins
        self._connections = connections
        self._source = source

    async def of(self, server: Known, caller: ToolCaller) -> ServerState:
        """As it is for this caller."""
        pins = (await self._pins.fresh(server.spec.owner_id)).get(server.spec.key, {})
        look, names = self._servers.look_of(server, caller), await self._source.names_for(server, caller)
        status, error = self.status_of(server, look, has_tools=bool(pins))
        tools = [_tool_state(pin, names) for _, pin in sorted(pins.items()) if pin.is_listed]
        left_out = [ToolState(tool, "left_out", None, reason=reason) for tool, reason in sorted(look.left_out.items() if look else ())]
        return ServerState(server, status, (*tools, *left_out), error, look.took_ms if look else None)

    def status_of(self, server: Known, look: Look | None, *, has_tools: bool) -> tuple[Status, str | None]:
        """With the last error, where it is one."""
        if not server.is_enabled:
            return "disabled", None
        if server.problem is not None:
            return "failed", server.problem
        connected = self._connections.status(server.spec)
        if connected.state == "circuit_open":
            return "circuit_open", connected.last_error or (look.error if look else None)
        if look is not None and look.is_good:
            return "ready", None
        if server.spec.uses_sign_in:
            return ("ready" if has_tools else "sign_in"), None
        if look is not None:
            return "failed", look.error
        if connected.state == "failed":
            return "failed", connected.last_error
        return ("connecting" if connected.state == "connecting" else "idle"), None


def _tool_state(pin: Pin, names: Mapping[str, str]) -> ToolState:
    name = names.get(pin.tool)
    reason = _REASONS.get(pin.state) or (None if name is not None else _UNOFFERED)
    return ToolState(pin.tool, pin.state, name, pin.approved, pin.approved_hash, pin.pending, pin.pending_hash, reason)
