"""Grants as they are used: opened, and remembered for some seconds, so that a call need not ask the database first."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from parlor.core.db import Database
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.queries import StoredGrant, StoredTerms
from parlor.tools.mcp.oauth.terms import Terms, Tokens, Vault
from parlor.tools.mcp.specs import ServerSpec

KEPT_SECONDS = 5.0
"""A grant that was revoked on another replica is used that much longer at most."""
_MOST_KEPT = 4096
_EARLY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one account lets us do at one server. `scope` is a list with spaces, empty where nobody named one."""

    id: UUID
    account_id: UUID
    terms: Terms
    scope: str
    wanted_scope: str | None
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime | None
    renewed_at: datetime
    created_at: datetime
    epoch: int

    def is_over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def is_due(self, now: datetime) -> bool:
        """Time to renew: a minute before the end, or a fifth of the whole where that is less."""
        return self.expires_at is not None and self.expires_at - min(_EARLY, (self.expires_at - self.renewed_at) / 5) <= now


class GrantBook:
    def __init__(self, db: Database, vault: Vault, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._vault = vault
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[str, UUID], tuple[Grant, float]] = OrderedDict()

    async def find(self, spec: ServerSpec, account_id: UUID) -> Grant | None:
        """The caller's grant, at most 5 s old. One that was given for another address of that name is none: its tokens are not sent elsewhere."""
        found = self._kept.get((spec.key, account_id))
        if found is not None and self._monotonic() - found[1] < KEPT_SECONDS:
            grant = found[0]
        else:
            grant = await self.read(spec.key, account_id)
        return grant if grant is not None and grant.terms.server_url == spec.url else None

    async def read(self, server_key: str, account_id: UUID) -> Grant | None:
        """As it is stored now."""
        began = self._monotonic()
        stored = await self._db.read(lambda tx: queries.find(tx, server_key, account_id))
        grant = None if stored is None else self.opened(stored)
        if grant is None:
            self.forget(server_key, account_id)
        else:
            self.remember(grant, began)
        return grant

    async def read_again(self, grant: Grant) -> Grant | None:
        stored = await self._db.read(lambda tx: queries.find_by_id(tx, grant.id))
        return None if stored is None else self.opened(stored)

    def remember(self, grant: Grant, since: float | None = None) -> None:
        key = (grant.terms.server_key, grant.account_id)
        self._kept[key] = grant, self._monotonic() if since is None else since
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def forget(self, server_key: str, account_id: UUID) -> None:
        self._kept.pop((server_key, account_id), None)

    def opened(self, stored: StoredGrant) -> Grant | None:
        """None when the installation's secret has changed since: then nobody can use it, and the person signs in again."""
        account_id, key = stored.account_id, stored.terms.server_key
        access_token = self._vault.unseal(account_id, key, stored.access_token)
        if access_token is None:
            return None
        refresh_token = self._vault.unseal(account_id, key, stored.refresh_token)
        terms = self.opened_terms(stored.terms, account_id)
        return Grant(
            stored.id, account_id, terms, stored.scope, stored.wanted_scope, access_token, refresh_token, stored.expires_at, stored.renewed_at,
            stored.created_at, stored.epoch,
        )  # fmt: skip

    def opened_terms(self, stored: StoredTerms, account_id: UUID) -> Terms:
        return Terms(
            server_key=stored.server_key,
            server_url=stored.server_url,
            is_trusted=stored.is_trusted,
            issuer=stored.issuer,
            client_id=stored.client_id,
            client_secret=self._vault.unseal(account_id, stored.server_key, stored.client_secret),
            auth_method=stored.auth_method,
            redirect_uri=stored.redirect_uri,
            token_endpoint=stored.token_endpoint,
            revocation_endpoint=stored.revocation_endpoint,
            resource=stored.resource,
        )

    def sealed_terms(self, terms: Terms, account_id: UUID) -> StoredTerms:
        return StoredTerms(
            server_key=terms.server_key,
            server_url=terms.server_url,
            is_trusted=terms.is_trusted,
            issuer=terms.issuer,
            client_id=terms.client_id,
            client_secret=self._vault.seal_or_none(account_id, terms.server_key, terms.client_secret),
            auth_method=terms.auth_method,
            redirect_uri=terms.redirect_uri,
            token_endpoint=terms.token_endpoint,
            revocation_endpoint=terms.revocation_endpoint,
            resource=terms.resource,
        )

    def sealed(self, grant: Grant) -> StoredGrant:
        account_id, key = grant.account_id, grant.terms.server_key
        return StoredGrant(
            terms=self.sealed_terms(grant.terms, account_id),
            id=grant.id,
            account_id=account_id,
            scope=grant.scope,
            wanted_scope=grant.wanted_scope,
            access_token=self._vault.seal(account_id, key, grant.access_token),
            refresh_token=self._vault.seal_or_none(account_id, key, grant.refresh_token),
            expires_at=grant.expires_at,
            renewed_at=grant.renewed_at,
            created_at=grant.created_at,
            epoch=grant.epoch,
        )


def end_of(tokens: Tokens, now: datetime) -> datetime | None:
    return None if tokens.lifetime_seconds is None else now + timedelta(seconds=tokens.lifetime_seconds)
