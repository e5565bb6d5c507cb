"""What is agreed between us and an authorization server for one tool server, and how its secrets are kept."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from parlor.core.crypto import SecretKey

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that is needed to get, renew and revoke tokens without asking the tool server again, which may say something else by then.

    `server_url` is where tokens are sent; `is_trusted` says whether its origin is the operator's own choice. `resource` is None for servers of before RFC 8707.
    """

    server_key: str
    server_url: str
    is_trusted: bool
    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    auth_method: AuthMethod
    redirect_uri: str
    token_endpoint: str
    revocation_endpoint: str | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """As an authorization server has given them. `lifetime_seconds` is None where it does not say; `scope` is None where it gave what was asked for."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    lifetime_seconds: float | None
    scope: str | None


class Vault:
    """Seals what opens something elsewhere. What was sealed for one account at one server cannot be opened as another's."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    def seal(self, account_id: UUID | None, name: str, secret: str) -> bytes:
        """`name` is the server's key; for a client's secret, which is no account's, the issuer."""
        return self._key.seal(_purpose(account_id, name), secret.encode())

    def seal_or_none(self, account_id: UUID | None, name: str, secret: str | None) -> bytes | None:
        return None if secret is None else self.seal(account_id, name, secret)

    def unseal(self, account_id: UUID | None, name: str, sealed: bytes | None) -> str | None:
        """None for nothing, and for what another secret of the installation has sealed."""
        opened = None if sealed is None else self._key.unseal(_purpose(account_id, name), sealed)
        return None if opened is None else opened.decode()


def _purpose(account_id: UUID | None, name: str) -> str:
    return f"tools.mcp.oauth:{account_id or 'client'}:{name}"
