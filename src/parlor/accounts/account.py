"""What an account is to the rest of the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Role = Literal["user", "admin"]
Status = Literal["active", "suspended"]


class Account(msgspec.Struct, frozen=True):
    """Without its password hash, which only the queries of this room see. `groups` are names, sorted, each once."""

    id: UUID
    email: str | None
    username: str | None
    display_name: str | None
    role: Role
    status: Status
    email_verified: bool
    preferences: Mapping[str, Any]
    locale: str | None
    avatar_url: str | None
    token_version: int
    created_at: datetime
    updated_at: datetime
    groups: tuple[str, ...] = ()

    @property
    def is_active_admin(self) -> bool:
        return self.role == "admin" and self.status == "active"
