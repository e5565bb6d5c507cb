"""What tools store about a person: the pieces of the parts of this room, as one."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.tools.mcp.oauth.user_data import GrantsUserData
from parlor.tools.mcp.user_data import McpUserData


class ToolsUserData:
    name = "tools"
    tables = (*GrantsUserData.tables, *McpUserData.tables)
    describes: ClassVar[Mapping[str, str]] = {**GrantsUserData.describes, **McpUserData.describes}

    def __init__(self, grants: GrantsUserData, servers: McpUserData) -> None:
        self._parts = (grants, servers)

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {name: value for part in self._parts for name, value in (await part.export(account_id)).items()}

    async def erase(self, account_id: UUID) -> int:
        return sum([await part.erase(account_id) for part in self._parts])
