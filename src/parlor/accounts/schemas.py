"""Request and reply bodies."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, SecretStr, model_validator

from parlor.accounts.account import Account, Role, Status
from parlor.accounts.erasure import Receipt
from parlor.accounts.passwords import MAX_PASSWORD
from parlor.accounts.sign_ins import Session
from parlor.accounts.sign_up import Application
from parlor.accounts.text import MAX_GROUPS, MAX_URL, clean_avatar_url, clean_display_name
from parlor.core.web.schemas import Body, Reply

MAX_PREFERENCES_BYTES = 16_384


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the text holds the character NUL")
    return text


def _small(preferences: dict[str, Any]) -> dict[str, Any]:
    encoded = msgspec.json.encode(preferences)
    if len(encoded) > MAX_PREFERENCES_BYTES:
        raise ValueError(f"preferences have at most {MAX_PREFERENCES_BYTES} bytes of JSON")
    if b"\\u0000" in encoded:
        raise ValueError("preferences hold the character NUL")
    return preferences


Login = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_without_nul)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD)]
DisplayName = Annotated[str, Field(max_length=400), AfterValidator(clean_display_name)]
Username = Annotated[str, Field(max_length=64)]
AvatarUrl = Annotated[str, Field(max_length=MAX_URL), AfterValidator(clean_avatar_url)]
Locale = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$", examples=["en", "pt-BR"])]
Preferences = Annotated[dict[str, Any], AfterValidator(_small), Field(description="A JSON object of the client's own. It is replaced as a whole.")]


GroupName = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,50}$", examples=["staff"])]
Groups = Annotated[list[GroupName], Field(max_length=MAX_GROUPS, description="Names of groups, as a whole. The order does not matter.")]

LinkToken = Annotated[SecretStr, Field(max_length=200, description="What stands behind the # of the mailed link.")]


def _renamed(body: Any, other: str, name: str) -> Any:
    """`other` is another name of the field. Both at once are one too many, and refused as any unknown field."""
    if not isinstance(body, dict):
        return body
    given = cast("dict[str, Any]", body)
    return {name if key == other and name not in given else key: value for key, value in given.items()}


class AccountCreate(Body):
    email: Login | None = Field(default=None, description="Required, unless the settings say that a username is enough.")
    password: Password
    username: Username | None = Field(default=None, description="Also taken as `login_id`.")
    display_name: DisplayName | None = None

    @model_validator(mode="before")
    @classmethod
    def _other_name(cls, body: Any) -> Any:
        return _renamed(body, "login_id", "username")

    def application(self) -> Application:
        return Application(email=self.email, password=self.password.get_secret_value(), username=self.username, display_name=self.display_name)


class UserCreate(AccountCreate):
    role: Role = "user"
    groups: Groups = Field(default_factory=list)


class SetupCreate(Body):
    token: Annotated[SecretStr, Field(max_length=200)]
    email: Login
    password: Password


class LoginCreate(Body):
    login: Login = Field(description="An email address or a username. Also taken as `login_id`.")
    password: Password

    @model_validator(mode="before")
    @classmethod
    def _other_name(cls, body: Any) -> Any:
        return _renamed(body, "login_id", "login")


class RefreshTokenUse(Body):
    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=4096)] | None = Field(default=None, description="Left out: that of the cookie.")


class IdTokenUse(Body):
    id_token: Annotated[SecretStr, Field(min_length=1, max_length=16_384)]


class EmailVerify(Body):
    token: LinkToken


class PasswordForgot(Body):
    email: Login


class PasswordResetCreate(Body):
    token: LinkToken
    password: Password


class Accepted(Reply):
    """Says nothing about what follows from it."""

    status: Literal["accepted"] = "accepted"


class PasswordChange(Body):
    current_password: Password
    new_password: Password


class ProfileChange(Body):
    """What is left out stays; null clears."""

    display_name: DisplayName | None = None
    username: Username | None = None
    avatar_url: AvatarUrl | None = None
    locale: Locale | None = None
    preferences: Preferences = Field(default_factory=dict)

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set if name in ProfileChange.model_fields}


class UserChange(ProfileChange):
    role: Role = "user"
    status: Status = "active"
    groups: Groups = Field(default_factory=list)
    email: Login = Field(default="", description="A new address. It is not verified, and links that were mailed to the old one are void.")

    def standing(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("role", "status", "groups", "email") if name in self.model_fields_set}


class AccountErase(Body):
    password: Password | None = Field(default=None, description="When it is given, it must be the right one.")


class ErasureRead(Reply):
    """`erased_at` is null while the work goes on."""

    erased_at: datetime | None
    receipt: dict[str, int] = Field(description="How many rows or objects of each module were removed, or lost the person in them.")

    @classmethod
    def of(cls, receipt: Receipt) -> "ErasureRead":
        return cls(erased_at=receipt.erased_at, receipt=dict(receipt.counts))


class UserRead(Reply):
    id: UUID
    email: str | None
    username: str | None
    display_name: str | None
    role: Role
    groups: list[str]
    status: Status
    email_verified: bool
    preferences: dict[str, Any]
    avatar_url: str | None
    locale: str | None
    created_at: datetime

    @classmethod
    def of(cls, account: Account) -> "UserRead":
        return cls.model_validate(account, from_attributes=True)


class SignedInRead(Reply):
    """The tokens are in cookies."""

    user: UserRead


class SessionRead(Reply):
    user: UserRead
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token expires.")

    @classmethod
    def of(cls, session: Session) -> "SessionRead":
        return cls(
            user=UserRead.of(session.account),
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_in=session.expires_in_seconds,
        )


class AwaitingRead(Reply):
    """A session that begins only once the address is verified: the link was mailed."""

    user: UserRead
    access_token: None = None
    refresh_token: None = None
    token_type: Literal["bearer"] = "bearer"
    expires_in: None = None

    @classmethod
    def of(cls, account: Account) -> "AwaitingRead":
        return cls(user=UserRead.of(account))
