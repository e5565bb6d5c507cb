"""Tokens of trusted issuers as credentials: whoever holds one is the account that the issuer's subject has here, made at the first use."""

from collections.abc import Mapping
from typing import Any

from parlor.accounts import identity_queries, queries
from parlor.accounts.account import Account
from parlor.accounts.authenticator import Identity
from parlor.accounts.caller import ALL_SCOPES
from parlor.accounts.errors import InvalidToken, TokenExpired
from parlor.accounts.identities import ExternalIdentities, Proved
from parlor.accounts.issuers import Issuers, Trusted
from parlor.accounts.oidc.tokens import LEEWAY_SECONDS, TokenRefused, unverified, verify
from parlor.core.clock import Clock
from parlor.core.db import Database, Transaction


class IssuerTokenKind:
    """Roles never come from a token: administrators are made here.

    A token from before the erasure of its account opens nothing any more (`SignInEnded`): an erased person is not made anew by a browser tab that is still
    open. A token that the issuer gives out afterwards is a new beginning.
    """

    def __init__(self, db: Database, clock: Clock, issuers: Issuers, identities: ExternalIdentities) -> None:
        self._db = db
        self._clock = clock
        self._issuers = issuers
        self._identities = identities

    def recognises(self, text: str) -> bool:
        """By the issuer that it names, which is not proved yet."""
        return bool(self._issuers.trusted) and self._named(text) is not None

    async def identify(self, text: str) -> Identity:
        """Raises `InvalidToken`, `TokenExpired`, `AccountSuspended`, `SignInEnded`, `LinkRefused`, `ProviderUnavailable`."""
        trusted = self._named(text)
        if trusted is None:
            raise InvalidToken
        try:
            claims = await verify(text, trusted.provider, trusted.rules, self._clock.now())
        except TokenRefused as error:
            raise (TokenExpired if error.has_expired else InvalidToken) from error
        account = await self._account(trusted, claims)
        # Its token version, so that whatever ends the account's tokens makes us look again whose this one is.
        return Identity("issuer", account.id, ALL_SCOPES, token_version=account.token_version, expires_at=claims["exp"] + LEEWAY_SECONDS)

    async def _account(self, trusted: Trusted, claims: Mapping[str, Any]) -> Account:
        proved = Proved.of_claims(trusted.settings.issuer, claims, believes_email=trusted.settings.links_by_email)
        found = await self._db.read(lambda tx: _find(tx, proved))
        return found or await self._identities.open(proved, lambda _, account: account, issued_at=claims.get("auth_time") or claims["iat"])

    def _named(self, text: str) -> Trusted | None:
        name = unverified(text).get("iss")
        return self._issuers.trusted.get(name) if isinstance(name, str) else None


def _find(tx: Transaction, proved: Proved) -> Account | None:
    """Without a lock or a write, which the first use of every token would otherwise cost. What the account may do now is looked up by the authenticator."""
    known = identity_queries.find(tx, proved.issuer, proved.subject)
    return queries.find_account(tx, known.account_id) if known is not None and known.email == proved.email else None
