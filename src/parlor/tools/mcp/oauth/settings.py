"""Settings of signing in at tool servers."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class OAuthSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_in_seconds: int = Field(default=1800, ge=600, le=3600, description="How long a link that leads to a tool server's sign-in can be used.")
    client_name: str = Field(
        default="Parlor", min_length=1, max_length=100, description="What this installation calls itself where users sign in at tool servers."
    )
    client_metadata_url: str | None = Field(
        default=None,
        max_length=2000,
        description="The https address of a client metadata document that describes this installation to authorization servers. "
        "Default: our own, when PARLOR_SERVER__PUBLIC_URL is https.",
    )

    @field_validator("client_metadata_url")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        """Authorization servers take no other as the name of a client."""
        url = urlsplit(value or "https://unset/unset")
        if url.scheme != "https" or not url.hostname or url.path in ("", "/") or url.fragment or url.username is not None:
            raise ValueError("it should be an https address with a path, such as https://chat.example.com/oauth-client.json")
        return value
