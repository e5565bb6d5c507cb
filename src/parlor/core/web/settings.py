"""How the server is reached, and how much it accepts."""

from collections.abc import Iterable
from ipaddress import ip_network

from pydantic import BaseModel, ConfigDict, Field, field_validator

from parlor.core.settings import RootSettings
from parlor.core.web.public_url import host_of, is_loopback_url, local_url, public_url

KIB = 1024
MIB = 1024 * KIB

Names = tuple[str, ...]


class ServerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="The address to listen on. 0.0.0.0 listens on all of them.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one and prints it.")
    public_url: str | None = Field(
        default=None,
        description="Where people reach this server (https://chat.example.com, with a path if a proxy adds one): links in mails begin so. "
        "Default: the address it listens on.",
    )
    allowed_hosts: Names = Field(
        default=(), description="Host names that requests may name beside loopback names and the bound address. *.example.com covers subdomains, * all."
    )
    cors_origins: Names = Field(default=(), description="Origins (https://chat.example.com) whose pages may call this server. * is all of them.")
    cors_credentials: bool = Field(default=False, description="Let pages of cors_origins send cookies. Never together with *.")
    aliases: bool = Field(default=True, description="Also answer under the paths of the systems before: /auth, /chat, /agent, /api/sessions, /api/wallet.")
    docs: bool = Field(default=True, description="Serve /docs and /openapi.json.")
    trusted_proxies: Names = Field(default=(), description="Addresses or networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.")
    max_json_bytes: int = Field(default=MIB, ge=KIB, description="The largest JSON body.")
    max_large_json_bytes: int = Field(default=10 * MIB, ge=KIB, description="The largest JSON body under /v1 and /api/chat, where images travel in it.")
    max_upload_bytes: int = Field(default=100 * MIB, ge=KIB, description="The largest multipart body.")
    max_url_bytes: int = Field(default=8 * KIB, ge=KIB, description="The longest request target.")
    max_headers: int = Field(default=100, ge=10, description="The largest number of request headers.")
    max_header_bytes: int = Field(default=32 * KIB, ge=KIB, description="The largest size of all request headers together.")
    body_grace_seconds: float = Field(default=20.0, gt=0, description="How long a body may take to arrive, beside its size over min_body_bytes_per_second.")
    min_body_bytes_per_second: int = Field(default=16 * KIB, ge=1, description="A body that arrives slower than this is given up.")
    headers_timeout_seconds: float = Field(default=10.0, gt=0, description="How long the head of a request may take to arrive.")

    @field_validator("public_url")
    @classmethod
    def _one_spelling(cls, value: str | None) -> str | None:
        return None if value is None else public_url(value)

    def base_url(self) -> str:
        """What links to this server begin with, without a slash at the end."""
        return self.public_url or local_url(self.host, self.port)

    def all_allowed_hosts(self) -> Names:
        """The name of `public_url` among them: whoever follows a link of ours must be answered."""
        return self.allowed_hosts if self.public_url is None else (*self.allowed_hosts, host_of(self.public_url))

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if root.environment == "production" and self.public_url is not None and self.public_url.startswith("http:") and not is_loopback_url(self.public_url):
            yield "PARLOR_SERVER__PUBLIC_URL is http: links with tokens that let people in would travel in the open. Put TLS in front and write https://."
        for each in self.trusted_proxies:
            if not _is_network(each):
                yield f"PARLOR_SERVER__TRUSTED_PROXIES has {each!r}: write addresses or networks such as 10.0.0.0/8. * would let any client choose its address."
        for each in self.cors_origins:
            if each != "*" and not _is_origin(each):
                yield f"PARLOR_SERVER__CORS_ORIGINS has {each!r}: write scheme://host or scheme://host:port, without a path."
        if self.cors_credentials and "*" in self.cors_origins:
            yield "PARLOR_SERVER__CORS_ORIGINS is * and PARLOR_SERVER__CORS_CREDENTIALS is on: any page could act as the signed-in person. Name the origins."

    def warnings(self, root: RootSettings) -> Iterable[str]:
        if root.environment == "production" and is_loopback_url(self.base_url()):
            yield f"Links in mails begin with {self.base_url()}, which works on this machine alone: set PARLOR_SERVER__PUBLIC_URL to where people reach it."


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    scheme, mark, rest = text.partition("://")
    return bool(scheme and mark and rest) and not set("/?#@ ") & set(rest)
