"""What is stored of a person's sign-ins at tool servers: a part of what tools answer for."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from parlor.core.db import Database
from parlor.core.userdata import each_row
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.grants import NEWEST, PAGE, Grants
from parlor.tools.mcp.oauth.schemas import GrantRead


class GrantsUserData:
    tables = ("tool_grants", "tool_sign_ins")
    describes: ClassVar[Mapping[str, str]] = {
        "tool_grants": "Tool servers that may be used in this account's name. The tokens are stored sealed, and are not shown.",
        "tool_sign_ins": "Sign-ins at tool servers that were begun and not finished.",
    }

    def __init__(self, db: Database, grants: Grants) -> None:
        self._db = db
        self._grants = grants

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        begun = await self._db.read(lambda tx: queries.list_sign_ins(tx, account_id))
        rows = each_row(self._db, lambda tx, last: queries.list_grants(tx, account_id, before=last.id if last else NEWEST, most=PAGE))
        return {
            "tool_grants": (GrantRead.of(row).model_dump(mode="json") async for row in rows),
            "tool_sign_ins": msgspec.to_builtins([each._asdict() for each in begun]),
        }

    async def erase(self, account_id: UUID) -> int:
        """Grants are revoked at the authorization servers as well, as far as these answer."""
        count = await self._grants.revoke_all(account_id)
        return count + await self._db.write(lambda tx: queries.drop_sign_ins(tx, account_id))
