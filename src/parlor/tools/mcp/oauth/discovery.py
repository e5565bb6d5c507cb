"""Finding who signs people in for a server: protected resource metadata (RFC 9728), then the authorization server's own (RFC 8414, OpenID discovery)."""

import asyncio
import importlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from parlor.tools.mcp.oauth.challenge import Wanted, scopes_in
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable
from parlor.tools.mcp.oauth.reach import Reach, Reaches
from parlor.tools.mcp.oauth.tables import MOST_NAME_CHARS
from parlor.tools.mcp.specs import ServerSpec

if TYPE_CHECKING:
    from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

FRESH_SECONDS = 600.0
_MOST_KEPT = 256


class Authority(msgspec.Struct, frozen=True):
    """An authorization server, as far as one tool server is concerned. Its addresses are checked; `authorization_endpoint` is only for browsers.

    `resource` is None for servers of the revision 2025-03-26, which do not know the parameter.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    auth_methods: tuple[str, ...] | None
    scopes: str | None
    resource: str | None
    resource_scopes: str | None
    promises_issuer: bool = False
    takes_client_documents: bool = False

    def scope_for(self, wanted: Wanted) -> str | None:
        """What to ask for: what the server has just said, else what it lists. None: say nothing, and get what is usual there."""
        scope = wanted.scope or self.resource_scopes
        if scope is not None and "offline_access" in (self.scopes or "").split() and "offline_access" not in scope.split():
            return f"{scope} offline_access"  # without it some give no refresh token
        return scope


class Discovery:
    """What was found is kept for ten minutes, by server and by what its challenge has pointed to."""

    def __init__(self, reaches: Reaches, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reaches = reaches
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[str, bool, str | None, str], tuple[Authority, float]] = OrderedDict()

    async def authority(self, spec: ServerSpec, wanted: Wanted) -> Authority:
        """Raises SignInUnusable and SignInUnreachable."""
        pinned = spec.oauth.issuer if spec.oauth else ""
        key = (spec.url, spec.is_trusted, wanted.resource_metadata, pinned)
        found = self._kept.get(key)
        if found is not None and self._monotonic() - found[1] < FRESH_SECONDS:
            return found[0]
        await asyncio.to_thread(importlib.import_module, "mcp.client.auth.oauth2")  # takes a second at first: other requests go on meanwhile
        authority = await self._find(spec, wanted, pinned)
        self._kept[key] = authority, self._monotonic()
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return authority

    async def _find(self, spec: ServerSpec, wanted: Wanted, pinned: str) -> Authority:
        reach = self._reaches.of(spec.url, is_trusted=spec.is_trusted)
        resource = await _resource(reach, spec.url, wanted.resource_metadata)
        issuer = None if resource is None else _chosen([str(each) for each in resource.authorization_servers], pinned)
        metadata = await _metadata(reach, spec.url, issuer)
        if metadata is not None:
            found = _described(reach, metadata, resource)
        elif issuer is None:
            found = _by_default(reach, spec.url)
        else:
            raise SignInUnusable(f"the authorization server {_host(issuer)} does not describe itself")
        if pinned and found.issuer != pinned:
            raise SignInUnusable(f"the server signs people in at {_host(found.issuer)}, which is not the issuer that is configured for it")
        return found


async def _resource(reach: Reach, server_url: str, hinted: str | None) -> "ProtectedResourceMetadata | None":
    """None when the server publishes none. An error of the server is not that: it must not lead to the ways of old servers."""
    from mcp.client.auth.utils import build_protected_resource_metadata_discovery_urls
    from mcp.shared.auth import ProtectedResourceMetadata
    from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
    from pydantic import ValidationError

    for url in build_protected_resource_metadata_discovery_urls(hinted, server_url):
        reply = await reach.get(url)
        if reply.status >= 500 or reply.status == 429:
            raise SignInUnreachable(f"{_host(url)} does not say now who signs people in (it answers {reply.status})")
        if reply.status != 200:
            continue
        try:
            found = ProtectedResourceMetadata.model_validate_json(reply.body)
        except (ValidationError, RecursionError):
            continue
        if not check_resource_allowed(resource_url_from_server_url(server_url), str(found.resource)):
            raise SignInUnusable("the server describes the sign-in of another server")
        return found
    return None


async def _metadata(reach: Reach, server_url: str, issuer: str | None) -> "OAuthMetadata | None":
    """Of the authorization server `issuer`; without one, of the server's own origin, which old servers have. None when nothing is published."""
    from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls
    from mcp.shared.auth import OAuthMetadata
    from pydantic import ValidationError

    for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, server_url):
        reply = await reach.get(url)
        if reply.status >= 500 or reply.status == 429:
            raise SignInUnreachable(f"the authorization server {_host(url)} answers {reply.status} now")
        if reply.status != 200:
            continue
        try:
            found = OAuthMetadata.model_validate_json(reply.body)
        except (ValidationError, RecursionError):
            continue
        # RFC 8414, section 3.3: letter by letter. Of an old server nobody has named an issuer that could be compared; its own origin is what it may speak for.
        said = str(found.issuer)
        if not (said == issuer if issuer is not None else _origin(said) == _origin(server_url)):
            raise SignInUnusable(f"the metadata of the authorization server {_host(url)} is another issuer's")
        return found
    return None


def _described(reach: Reach, metadata: "OAuthMetadata", resource: "ProtectedResourceMetadata | None") -> Authority:
    if "S256" not in (metadata.code_challenge_methods_supported or (("S256",) if resource is None else ())):
        raise SignInUnusable(f"the authorization server {_host(str(metadata.issuer))} does not say that it takes PKCE with S256")
    if len(str(metadata.issuer)) > MOST_NAME_CHARS:
        raise SignInUnusable("the authorization server's name is too long")
    methods = metadata.token_endpoint_auth_methods_supported
    return Authority(
        issuer=str(metadata.issuer),
        authorization_endpoint=reach.checked(str(metadata.authorization_endpoint)),
        token_endpoint=reach.checked(str(metadata.token_endpoint)),
        registration_endpoint=_checked_or_none(reach, metadata.registration_endpoint),
        revocation_endpoint=_checked_or_none(reach, metadata.revocation_endpoint),
        auth_methods=None if methods is None else tuple(methods),
        scopes=_scopes(metadata.scopes_supported),
        resource=None if resource is None else str(resource.resource),
        resource_scopes=None if resource is None else _scopes(resource.scopes_supported),
        promises_issuer=metadata.authorization_response_iss_parameter_supported is True,
        takes_client_documents=metadata.client_id_metadata_document_supported is True,
    )


def _by_default(reach: Reach, server_url: str) -> Authority:
    """A server of 2025-03-26 that publishes nothing: it signs people in itself, at the usual places of its origin."""
    origin = _origin(server_url)
    return Authority(
        issuer=origin,
        authorization_endpoint=reach.checked(origin + "/authorize"),
        token_endpoint=reach.checked(origin + "/token"),
        registration_endpoint=reach.checked(origin + "/register"),
        revocation_endpoint=None,
        auth_methods=None,
        scopes=None,
        resource=None,
        resource_scopes=None,
    )


def _chosen(issuers: list[str], pinned: str) -> str:
    if pinned and pinned not in issuers:
        raise SignInUnusable("the server does not name the issuer that is configured for it")
    return pinned or issuers[0]


def _checked_or_none(reach: Reach, url: object) -> str | None:
    return None if url is None else reach.checked(str(url))


def _scopes(names: list[str] | None) -> str | None:
    return scopes_in(" ".join(names)) if names else None


def _origin(url: str) -> str:
    """As it is written, but for capitals. A default port that one of two names and the other does not makes them two: nobody is hurt by that."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or "somewhere"
