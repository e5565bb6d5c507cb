"""What happened to accounts, for other rooms, audit and webhooks."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


class UserRegistered(Event, frozen=True, kw_only=True):
    """An account is there: by sign-up, set-up link, administrator or command line. Recorded in the transaction that makes it."""

    name: ClassVar[str] = "user.registered"
    email: str | None
    username: str | None
    role: str
    is_returning: bool = False
    """An account with this address was erased before: the welcome is not given twice."""


class UserExported(Event, frozen=True, kw_only=True):
    """Somebody took a copy of everything that is stored about the account; the actor says who."""

    name: ClassVar[str] = "user.exported"


class UserErased(Event, frozen=True, kw_only=True):
    """The account was erased, and with it every event about it: so this one is about nobody. `receipt` counts by module."""

    name: ClassVar[str] = "user.erased"
    user_id: UUID
    receipt: Mapping[str, int]

    @property
    def aggregate(self) -> str:
        return str(self.user_id)


class UserRoleChanged(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "user.role_changed"
    role: str


class UserStatusChanged(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "user.status_changed"
    status: str


class UserGroupsChanged(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "user.groups_changed"
    groups: tuple[str, ...]


class UserEmailChanged(Event, frozen=True, kw_only=True):
    """The account has another address, which nobody has verified yet."""

    name: ClassVar[str] = "user.email_changed"


class UserPasswordChanged(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "user.password_changed"


class UserSignedIn(Event, frozen=True, kw_only=True):
    """Somebody has signed in on a device: `method` is "password", "google", "issuer" or "setup". Recorded in the transaction that opens the sign-in."""

    name: ClassVar[str] = "user.signed_in"
    sign_in_id: UUID
    method: str


class UserEmailVerified(Event, frozen=True):
    """Somebody has shown that they read the mailbox of the account's address."""

    name: ClassVar[str] = "user.email_verified"


class RefreshTokenReplayed(Event, frozen=True, kw_only=True):
    """A refresh token came a second time after the grace: somebody has a copy. The sign-in is ended."""

    name: ClassVar[str] = "user.refresh_token_replayed"
    sign_in_id: UUID


class ApiKeyCreated(Event, frozen=True, kw_only=True):
    """Recorded in the transaction that makes the key: whoever keeps its budget joins in there. `budget_micros` is None for a key without one."""

    name: ClassVar[str] = "api_key.created"
    api_key_id: UUID
    scopes: Sequence[str]
    budget_micros: int | None


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "api_key.revoked"
    api_key_id: UUID


class UserIdentityLinked(Event, frozen=True, kw_only=True):
    """From now on `issuer` vouches for this account. `took_over` when its address was unverified, so that whatever opened it before was taken away."""

    name: ClassVar[str] = "user.identity_linked"
    issuer: str
    took_over: bool
