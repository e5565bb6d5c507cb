"""Our connections as the client that the official conformance suite judges: the suite runs `python conformance_client.py URL`.

`MCP_CONFORMANCE_SCENARIO` says what it looks at. Most want no more than that every tool is called once; what wants more has an entry in `SCENARIOS`.
Where users sign in, `AUTHORIZERS` says who speaks for them.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[3]))

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.mcp.specs import CallOutcome, ServerSpec
from parlor.tools.ports import Answered, ExecutionContext, ToolCaller

_VALUES: Mapping[str, Any] = {"number": 2, "integer": 2, "string": "text", "boolean": True, "array": [], "object": {}}


class Willing(Mapping[str, Answered]):
    """A person who has said yes to whatever may be asked, and leaves every field that has a default to it.

    In the suite's eyes a question may be answered only once. Parlor answers one that is new with `cancel`, and runs the call again when there is an answer.
    """

    def __getitem__(self, key: str) -> Answered:
        return Answered(True, {})

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Client:
    """One user of one server."""

    def __init__(self, pool: McpConnections, spec: ServerSpec) -> None:
        self.pool = pool
        self.spec = spec
        self.caller = ToolCaller(uuid4())

    async def call_every_tool(self) -> None:
        for tool in await self.pool.definitions(self.spec, self.caller):
            fields: Mapping[str, Any] = tool.parameters.get("properties", {})
            print(tool.name, await self.call(tool.name, {name: _VALUES.get(field.get("type"), "text") for name, field in fields.items()}))

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallOutcome:
        return await self.pool.call(self.spec, tool, arguments, ExecutionContext(self.caller, "c1", answers=Willing()))


SCENARIOS: Mapping[str, Callable[[Client], Awaitable[None]]] = {}
AUTHORIZERS: Mapping[str, Callable[[Outbound], Authorizer]] = {}


async def main(url: str, scenario: str) -> None:
    outbound = Outbound(OutboundSettings())
    make = AUTHORIZERS.get(scenario) or AUTHORIZERS.get(scenario.partition("/")[0])
    pool = McpConnections(McpConnectionSettings(), outbound, make(outbound) if make else None)
    spec = ServerSpec("suite", "suite", "http", "config", url=url, is_trusted=True, uses_sign_in=make is not None)
    try:
        await SCENARIOS.get(scenario, Client.call_every_tool)(Client(pool, spec))
    finally:
        await pool.close()
        await outbound.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1], os.environ["MCP_CONFORMANCE_SCENARIO"]))
