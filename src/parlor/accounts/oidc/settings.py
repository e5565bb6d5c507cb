"""Who may vouch for people: Google, and other issuers whose tokens are taken."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

GOOGLE = "https://accounts.google.com"
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Public keys only: with a shared secret whoever can check tokens can make them."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _address(text: str) -> str:
    parts = urlsplit(text)
    if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("it should be an address such as https://accounts.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("it should begin with https:// (http is for this machine's own addresses)")
    return text


Address = Annotated[str, Field(max_length=255), AfterValidator(_address)]


class GoogleSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str | None = Field(
        default=None, min_length=1, max_length=255, description="The OAuth client of Google's console. Signing in with Google is on with it."
    )
    client_secret: SecretStr | None = Field(default=None, description="The secret of that client. Needed for /auth/google/start, not for ID tokens of apps.")
    issuer: Address = Field(default=GOOGLE, description="Who signs people in. Another OpenID provider than Google works as well.")
    other_client_ids: tuple[str, ...] = Field(default=(), description="Clients of your own apps (Android, iOS), whose ID tokens are taken too.")

    def refusals(self) -> Iterable[str]:
        if self.client_id is None and (self.client_secret is not None or self.other_client_ids):
            yield "PARLOR_AUTH__GOOGLE__CLIENT_ID is not set, and the other settings of Google mean nothing without it: set it, or remove them."


class TrustedIssuer(BaseModel):
    """Somebody whose tokens let people in here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Address
    """The exact `iss` of its tokens."""
    audience: tuple[str, ...] = Field(min_length=1)
    """One of these must be in `aud`: a token for another service is none for us."""
    jwks_url: Address | None = None
    """Where its keys are. Without it its discovery document says so."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    claims: Mapping[str, str | bool | int] = Field(default_factory=dict[str, str | bool | int])
    """Further claims that a token must have, exactly so: {"role": "authenticated", "is_anonymous": false}."""
    links_by_email: bool = False
    """Whether its `email_verified` is believed. Then somebody whom it knows gets the account with the same verified address here."""

    @field_validator("audience", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
