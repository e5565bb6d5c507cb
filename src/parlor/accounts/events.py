"""What happened to accounts, for other rooms, audit and webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    """An account is there: by sign-up, set-up link, administrator or command line. Recorded in the transaction that makes it."""

    name: ClassVar[str] = "user.registered"
    email: str | None
    username: str | None
    role: str
    is_returning: bool = False
    """An account with this address was erased before: the welcome is not given twice."""


@dataclass(frozen=True, kw_only=True)
class UserExported(Event):
    """Somebody took a copy of everything that is stored about the account; the actor says who."""

    name: ClassVar[str] = "user.exported"


@dataclass(frozen=True, kw_only=True)
class UserErased(Event):
    """The account was erased, and with it every event about it: so this one is about nobody. `receipt` counts by module."""

    name: ClassVar[str] = "user.erased"
    user_id: UUID
    receipt: Mapping[str, int]

    @property
    def aggregate(self) -> str:
        return str(self.user_id)


@dataclass(frozen=True, kw_only=True)
class UserRoleChanged(Event):
    name: ClassVar[str] = "user.role_changed"
    role: str


@dataclass(frozen=True, kw_only=True)
class UserStatusChanged(Event):
    name: ClassVar[str] = "user.status_changed"
    status: str


@dataclass(frozen=True, kw_only=True)
class UserGroupsChanged(Event):
    name: ClassVar[str] = "user.groups_changed"
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UserEmailChanged(Event):
    """The account has another address, which nobody has verified yet."""

    name: ClassVar[str] = "user.email_changed"


@dataclass(frozen=True, kw_only=True)
class UserPasswordChanged(Event):
    name: ClassVar[str] = "user.password_changed"


@dataclass(frozen=True, kw_only=True)
class UserSignedIn(Event):
    """Somebody has signed in on a device: `method` is "password", "google", "issuer" or "setup". Recorded in the transaction that opens the sign-in."""

    name: ClassVar[str] = "user.signed_in"
    sign_in_id: UUID
    method: str


class UserEmailVerified(Event):
    """Somebody has shown that they read the mailbox of the account's address."""

    name: ClassVar[str] = "user.email_verified"


@dataclass(frozen=True, kw_only=True)
class RefreshTokenReplayed(Event):
    """A refresh token came a second time after the grace: somebody has a copy. The sign-in is ended."""

    name: ClassVar[str] = "user.refresh_token_replayed"
    sign_in_id: UUID


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated(Event):
    """Recorded in the transaction that makes the key: whoever keeps its budget joins in there. `budget_micros` is None for a key without one."""

    name: ClassVar[str] = "api_key.created"
    api_key_id: UUID
    scopes: Sequence[str]
    budget_micros: int | None


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Event):
    name: ClassVar[str] = "api_key.revoked"
    api_key_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserIdentityLinked(Event):
    """From now on `issuer` vouches for this account. `took_over` when its address was unverified, so that whatever opened it before was taken away."""

    name: ClassVar[str] = "user.identity_linked"
    issuer: str
    took_over: bool
