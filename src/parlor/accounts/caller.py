"""Who is asking: what every kind of credential comes down to."""

from typing import Literal, get_args
from uuid import UUID

import msgspec

from parlor.accounts.account import Role
from parlor.accounts.errors import AdministratorsOnly, KeyNotAllowed, ScopeMissing

Scope = Literal["chat", "read", "wallet", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ALL_SCOPES: frozenset[Scope] = frozenset(SCOPES)


class Caller(msgspec.Struct, frozen=True):
    """An active account, proved at most 5 s ago. `credential` names the kind: "access_token", "cookie", "api_key", "issuer" or "mock".

    `sign_in_id` is the device, and `api_key_id` the key, if it came from one.
    """

    account_id: UUID
    role: Role
    scopes: frozenset[Scope]
    credential: str
    sign_in_id: UUID | None = None
    api_key_id: UUID | None = None
    groups: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        return self.role == "admin" and "admin" in self.scopes

    def require_admin(self) -> None:
        """Raises `AdministratorsOnly`, and `ScopeMissing` for a key of an administrator that was not made for this."""
        if self.role != "admin":
            raise AdministratorsOnly
        self.require("admin")

    def require(self, *scopes: str) -> None:
        """Any one of them is enough; without any, no API key is. Raises `ScopeMissing` and `KeyNotAllowed`, which a person's own sign-in never meets."""
        if not scopes:
            if self.api_key_id is not None:
                raise KeyNotAllowed
        elif self.scopes.isdisjoint(scopes):
            raise ScopeMissing(f"This API key lacks the scope {' or '.join(scopes)}: use one that has it.", scope=scopes[0])
