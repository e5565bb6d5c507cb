"""The directory of an installation without tool servers."""

from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import ToolCaller


class NoServers:
    async def find(self, name: str, caller: ToolCaller) -> ServerSpec | None:
        return None
