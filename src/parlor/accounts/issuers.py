"""Everybody whom the settings let vouch for people, each with its keys."""

from collections.abc import Mapping

import msgspec

from parlor.accounts.oidc.provider import OpenIdProvider
from parlor.accounts.oidc.settings import GOOGLE, TrustedIssuer
from parlor.accounts.oidc.tokens import TokenRules
from parlor.accounts.settings import AuthSettings
from parlor.core.outbound import Outbound

_GOOGLE_WITHOUT_SCHEME = "accounts.google.com"
"""Google's documents allow both spellings of its `iss`."""

_ID_TOKEN_ALGORITHMS = ("RS256", "ES256")


class Trusted(msgspec.Struct, frozen=True):
    """An issuer whose tokens let people in, and how they are checked."""

    settings: TrustedIssuer
    provider: OpenIdProvider
    rules: TokenRules


class Issuers:
    """One per process, so that an issuer's keys are fetched once. Nothing is fetched before somebody needs it."""

    def __init__(self, settings: AuthSettings, outbound: Outbound) -> None:
        google = settings.google
        self.google = OpenIdProvider(outbound, google.issuer) if google.client_id is not None else None
        self.google_rules = TokenRules(
            issuers=(google.issuer, _GOOGLE_WITHOUT_SCHEME) if google.issuer == GOOGLE else (google.issuer,),
            audiences=(client_ids := (google.client_id or "", *google.other_client_ids)),
            algorithms=_ID_TOKEN_ALGORITHMS,
            parties=client_ids,
        )
        self.trusted: Mapping[str, Trusted] = {each.issuer: _trusted(each, outbound) for each in settings.issuers}

    def providers(self) -> Mapping[str, OpenIdProvider]:
        """By the names that health shows."""
        google = {} if self.google is None else {"google": self.google}
        return {**google, **{name: each.provider for name, each in self.trusted.items()}}


def _trusted(settings: TrustedIssuer, outbound: Outbound) -> Trusted:
    rules = TokenRules((settings.issuer,), settings.audience, settings.algorithms, claims=settings.claims)
    return Trusted(settings, OpenIdProvider(outbound, settings.issuer, settings.jwks_url), rules)
