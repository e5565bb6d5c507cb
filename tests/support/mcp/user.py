"""A process that uses tool servers, to be killed: `python user.py FOLDER SERVERS uvloop|asyncio` prints the ids of all processes below it, and waits."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import uuid4

import uvloop

sys.path.insert(0, str(Path(__file__).parents[3]))

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.ports import ExecutionContext, ToolCaller
from tests.support.mcp.servers import raw


async def main(folder: str, servers: str) -> None:
    pool = McpConnections(McpConnectionSettings(), Outbound(OutboundSettings()), run_folder=Path(folder))
    await pool.start()
    context = ExecutionContext(ToolCaller(uuid4()), "c1")
    found = list[int]()
    for number in range(int(servers)):
        for tool in ("pid", "child"):
            found.append(int((await pool.call(raw(f"s{number}", env={"RAW_START": "stubborn"}), tool, {}, context)).result))
    print(json.dumps(found), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    (uvloop.run if sys.argv[3] == "uvloop" else asyncio.run)(main(*sys.argv[1:3]))
