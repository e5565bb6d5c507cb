"""Settings of accounts. Their key in the tree is `auth`."""

from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parlor.accounts.mail.settings import MailSettings
from parlor.accounts.mock_rules import WARNING, mock_refusals
from parlor.accounts.oidc.settings import GoogleSettings, TrustedIssuer
from parlor.core.crypto import secret_refusal
from parlor.core.settings import RootSettings
from parlor.core.web.settings import ServerSettings

DAY_SECONDS = 86_400


class AuthSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    secret_key: SecretStr | None = Field(
        default=None, description="Signs tokens and links. Without it development makes one in the data directory; staging and production do not start."
    )
    jwt_algorithm: Literal["HS256"] = Field(default="HS256", description="How access tokens are signed. There is one way.")
    issuer: str = Field(default="parlor", min_length=1, max_length=200, description="The `iss` of our access tokens.")
    audience: str = Field(default="parlor", min_length=1, max_length=200, description="The `aud` of our access tokens.")
    access_token_seconds: int = Field(default=900, ge=30, le=7 * DAY_SECONDS, description="How long an access token works.")
    refresh_token_seconds: int = Field(default=30 * DAY_SECONDS, ge=60, le=400 * DAY_SECONDS, description="How long a sign-in lasts without being used.")
    refresh_grace_seconds: float = Field(
        default=10, ge=0, le=60, description="For this long a used refresh token is taken for a race of two tabs; later it is taken for theft."
    )
    standing_cache_seconds: float = Field(
        default=3, ge=0, le=5, description="How old what we remember of an account (suspended? still an administrator?) may get before it is read again."
    )
    erased_address_days: int = Field(
        default=365,
        ge=0,
        le=3650,
        description="For this long a keyed hash of an erased account's address is kept, so that signing up again brings no second bonus. 0 keeps none.",
    )
    password_min_length: int = Field(default=10, ge=8, le=128, description="The shortest password that is accepted. The longest has 128 characters.")
    hashing_threads: int = Field(default=2, ge=1, le=64, description="How many passwords are hashed at once, beside the event loop.")
    hashing_queue: int = Field(default=200, ge=1, le=100_000, description="How many may wait for that; more are answered 429.")
    argon2_memory_kib: int = Field(default=19_456, ge=8, le=1_048_576, description="Memory that one password hash takes (argon2id).")
    argon2_time_cost: int = Field(default=2, ge=1, le=100, description="Passes over that memory.")
    argon2_parallelism: int = Field(default=1, ge=1, le=16, description="Lanes of one hash.")
    email_required: bool = Field(default=True, description="Whether a new account needs an email address; false lets people register with a username alone.")
    verify_email: Literal["off", "optional", "required"] = Field(
        default="optional",
        description="optional: new accounts get a mail with a link that verifies their address. required: nobody signs in before. off: no such mail.",
    )
    verify_email_seconds: int = Field(default=DAY_SECONDS, ge=60, le=30 * DAY_SECONDS, description="How long the link in that mail works.")
    reset_password_seconds: int = Field(default=1800, ge=60, le=DAY_SECONDS, description="How long a mailed link for a new password works.")
    mail: MailSettings = Field(default_factory=MailSettings)

    mode: Literal["token", "mock"] = Field(
        default="token", description="mock takes user_id as the caller without a token: for development on a loopback address, refused elsewhere."
    )
    google: GoogleSettings = Field(default_factory=GoogleSettings)
    issuers: tuple[TrustedIssuer, ...] = Field(
        default=(),
        description=(
            "Issuers whose tokens let people in, as a JSON array of {issuer, audience, jwks_url?, algorithms?, claims?, links_by_email?}. "
            "The first use makes the account."
        ),
    )

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if self.mode == "mock":
            yield from mock_refusals(root.environment, ())
        yield from self.google.refusals()
        yield from self._issuer_refusals()
        if refusal := secret_refusal(self.secret_key, root):
            yield refusal
        if self.argon2_memory_kib < 8 * self.argon2_parallelism:
            yield "PARLOR_AUTH__ARGON2_MEMORY_KIB must be at least 8 times PARLOR_AUTH__ARGON2_PARALLELISM."
        yield from self.mail.refusals(root)

    def warnings(self, root: RootSettings) -> Iterable[str]:
        yield from self.mail.warnings(root)
        if self.mode == "mock":
            yield WARNING

    def conflicts(self, groups: Iterable[BaseModel]) -> Iterable[str]:
        """Mock mode goes with no address that others reach."""
        for server in groups:
            if self.mode == "mock" and isinstance(server, ServerSettings):
                public = urlsplit(server.public_url).hostname if server.public_url else None
                yield from mock_refusals("development", [server.host, *([public] if public else [])])

    def _issuer_refusals(self) -> Iterable[str]:
        names = [each.issuer for each in self.issuers]
        if self.issuer in names:
            yield f"PARLOR_AUTH__ISSUERS names {self.issuer!r}, which is the `iss` of our own tokens (PARLOR_AUTH__ISSUER)."
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"PARLOR_AUTH__ISSUERS names {name} twice: one entry can list several audiences."
