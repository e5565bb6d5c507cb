"""How the operator's MCP servers are."""

from collections.abc import Sequence
from typing import Any

from parlor.core.health import Check, Health, Status
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.pins import PinBook
from parlor.tools.mcp.states import ServerStates


def checks(servers: McpServers, pins: PinBook, states: ServerStates) -> Sequence[Check]:
    async def look() -> Health:
        """From what is known: nothing is connected to. Users' own servers are theirs to look after."""
        known = [each for each in (await servers.known()).values() if each.spec.owner_id is None and each.is_enabled]
        problems = servers.problems
        if not known and not problems:
            return Health(Status.OFF)
        pinned = await pins.fresh(None)
        rows: dict[str, dict[str, Any]] = {}
        for each in known:
            found = servers.look_of(each)
            status, error = states.status_of(each, found, has_tools=each.spec.key in pinned)
            waiting = sum(pin.state != "ok" and pin.is_listed for pin in pinned.get(each.spec.key, {}).values())
            breaker = "open" if status == "circuit_open" else "closed"
            rows[each.spec.name] = {"status": status, "last_error": error, "breaker": breaker, "tools_to_approve": waiting}
        failed = [name for name, row in rows.items() if row["status"] in ("failed", "circuit_open")]
        active = [name for name, row in rows.items() if row["status"] == "ready"]
        details = {"active_servers": len(active), "failed_servers": len(failed), "servers": rows}
        if problems:
            return Health(Status.DEGRADED, problems[0], "Mend mcp.json, and reload: its servers are as they were before.", details)
        if failed:
            return Health(Status.DEGRADED, f"{failed[0]}: {rows[failed[0]]['last_error']}", f"Look at: parlor mcp test {failed[0]}", details)
        return Health(Status.OK, details=details)

    return [Check("mcp", look)]
