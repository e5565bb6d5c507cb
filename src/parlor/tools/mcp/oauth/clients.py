"""Us as a client of authorization servers: as the operator has agreed with one, by our client metadata document, or as it registers us when asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from parlor.core.db import Database
from parlor.core.ids import new_id
from parlor.core.web.public_url import is_loopback_url
from parlor.core.web.settings import ServerSettings
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.challenge import union_of
from parlor.tools.mcp.oauth.discovery import Authority
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable
from parlor.tools.mcp.oauth.reach import Reaches
from parlor.tools.mcp.oauth.settings import OAuthSettings
from parlor.tools.mcp.oauth.tables import MOST_URL_CHARS
from parlor.tools.mcp.oauth.terms import AuthMethod, Vault
from parlor.tools.mcp.specs import ServerSpec

CALLBACK_PATH = "/api/v1/mcp/oauth/callback"
DOCUMENT_PATH = "/api/v1/mcp/oauth/client-metadata.json"
_SECRET_METHODS: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post")
_GRANTS = ("authorization_code", "refresh_token")


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    client_secret: str | None = field(repr=False)
    auth_method: AuthMethod
    redirect_uri: str


class _Registered(msgspec.Struct, frozen=True):
    """The part of a client information response (RFC 7591, section 3.2.1) that we use. Servers write empty text for what is not there."""

    client_id: str
    client_secret: str | None = None
    client_secret_expires_at: float | None = None
    token_endpoint_auth_method: str | None = None


class Clients:
    """Registrations are kept by issuer and redirect URI: what one authorization server has given is never shown to another."""

    def __init__(self, db: Database, reaches: Reaches, vault: Vault, settings: OAuthSettings, server: ServerSettings) -> None:
        self._db = db
        self._reaches = reaches
        self._vault = vault
        self._settings = settings
        self._base_url = server.base_url()

    @property
    def redirect_uri(self) -> str:
        return self._base_url + CALLBACK_PATH

    def document_url(self) -> str | None:
        """Where our client metadata document can be read by everybody; None where it cannot."""
        if self._settings.client_metadata_url is not None:
            return self._settings.client_metadata_url
        return self._base_url + DOCUMENT_PATH if self._base_url.startswith("https://") and not is_loopback_url(self._base_url) else None

    def document(self) -> Mapping[str, Any]:
        """Our client metadata document (OAuth Client ID Metadata Document). Its `client_id` is its own address."""
        return {"client_id": self.document_url(), **self._metadata(self.redirect_uri, "none")}

    async def at(self, authority: Authority, spec: ServerSpec, scope: str | None) -> Client:
        """Raises SignInUnusable and SignInUnreachable."""
        own = spec.oauth
        redirect_uri = (own.redirect_uri if own else "") or self.redirect_uri
        if own is not None and own.client_id:
            return Client(own.client_id, own.client_secret or None, _method(authority, own.client_secret), redirect_uri)
        if authority.takes_client_documents and (document_url := self.document_url()) is not None:
            return Client(document_url, None, "none", redirect_uri)
        return await self._kept(authority, redirect_uri) or await self._register(authority, spec, redirect_uri, scope)

    async def forget(self, issuer: str, client_id: str) -> None:
        """It is refused there: the next sign-in registers anew. One that was never registered by us is nothing that could be forgotten."""
        await self._db.write(lambda tx: queries.forget_client(tx, issuer, client_id))

    async def _kept(self, authority: Authority, redirect_uri: str) -> Client | None:
        row = await self._db.read(lambda tx: queries.find_client(tx, authority.issuer, redirect_uri))
        if row is None:
            return None
        secret = self._vault.unseal(None, authority.issuer, row.client_secret)
        if row.client_secret is not None and secret is None:
            await self.forget(authority.issuer, row.client_id)
            return None
        return Client(row.client_id, secret, row.auth_method, redirect_uri)

    async def _register(self, authority: Authority, spec: ServerSpec, redirect_uri: str, scope: str | None) -> Client:
        if authority.registration_endpoint is None:
            raise SignInUnusable("the authorization server registers nobody: an operator has to agree on a client_id with it")
        method = _preferred(authority)
        body = self._metadata(redirect_uri, method)
        if (scopes := union_of(scope, authority.resource_scopes)) is not None:
            body = {**body, "scope": scopes}
        reply = await self._reaches.of(spec.url, is_trusted=spec.is_trusted).post_json(authority.registration_endpoint, msgspec.json.encode(body))
        if reply.status >= 500 or reply.status == 429:
            raise SignInUnreachable(f"the authorization server answers {reply.status} now")
        if reply.status not in (200, 201):
            raise SignInUnusable("the authorization server refuses to register us: an operator has to agree on a client_id with it")
        given = _read(reply.body)
        client = Client(given.client_id, given.client_secret or None, _given_method(given, method), redirect_uri)
        return await self._keep(authority.issuer, client, given.client_secret_expires_at)

    async def _keep(self, issuer: str, client: Client, expires_at: float | None) -> Client:
        """Of two that were registered at once the first is kept, and both use it."""
        end = datetime.fromtimestamp(expires_at, UTC) if client.client_secret is not None and expires_at and expires_at < 2**33 else None
        sealed = self._vault.seal_or_none(None, issuer, client.client_secret)
        row = queries.ClientRow(client.client_id, sealed, client.auth_method, end)
        if await self._db.write(lambda tx: queries.add_client(tx, new_id(), issuer, client.redirect_uri, row)):
            return client
        found = await self._db.read(lambda tx: queries.find_client(tx, issuer, client.redirect_uri))
        if found is None:
            return client
        return Client(found.client_id, self._vault.unseal(None, issuer, found.client_secret), found.auth_method, client.redirect_uri)

    def _metadata(self, redirect_uri: str, method: AuthMethod) -> Mapping[str, Any]:
        return {
            "client_name": self._settings.client_name,
            "client_uri": self._base_url,
            "redirect_uris": [redirect_uri],
            "grant_types": list(_GRANTS),
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
            "application_type": "native" if is_loopback_url(redirect_uri) else "web",
        }


def _preferred(authority: Authority) -> AuthMethod:
    """A secret rather than none: we can keep one. RFC 8414: who lists nothing takes Basic."""
    offered = authority.auth_methods
    if offered is None or "client_secret_basic" in offered:
        return "client_secret_basic"
    return "client_secret_post" if "client_secret_post" in offered else "none"


def _method(authority: Authority, secret: str) -> AuthMethod:
    """For a client that was agreed on."""
    return _preferred(authority) if secret else "none"


def _given_method(given: _Registered, asked: AuthMethod) -> AuthMethod:
    """What the server says, else what was asked for. Raises SignInUnusable for what we cannot do."""
    method = given.token_endpoint_auth_method or (asked if given.client_secret else "none")
    if method == "none" or (method in _SECRET_METHODS and given.client_secret):
        return method
    raise SignInUnusable("the authorization server has registered us in a way that we cannot use")


def _read(body: bytes) -> _Registered:
    try:
        given = msgspec.json.decode(body, type=_Registered)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SignInUnusable("the authorization server's registration cannot be read") from error
    if not 0 < len(given.client_id) <= MOST_URL_CHARS:
        raise SignInUnusable("the authorization server's registration cannot be read")
    return given
