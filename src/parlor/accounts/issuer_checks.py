"""The health of whoever vouches for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from parlor.accounts.issuers import Issuers
from parlor.accounts.oidc.provider import OpenIdProvider
from parlor.core.health import Check, Health, Status


def issuer_checks(issuers: Issuers) -> Sequence[Check]:
    """What their last calls showed. Nobody is called for it: an issuer's trouble keeps nobody out who is in."""

    async def look() -> Health:
        providers = issuers.providers()
        if not providers:
            return Health(Status.OFF)
        failing = [each for each in providers.values() if each.status.failures]
        details = {name: _details(each) for name, each in providers.items()}
        if not failing:
            return Health(Status.OK, details=details)
        advice = (
            f"New sign-ins by way of {', '.join(each.issuer for each in failing)} fail; those who are in stay in. Its state and the network to it come first."
        )
        return Health(Status.DEGRADED, last_error=failing[0].status.last_error, advice=advice, details=details)

    return [Check("sign_in_providers", look)]


def _details(provider: OpenIdProvider) -> Mapping[str, Any]:
    status, age = provider.status, provider.keys_age_seconds
    return {
        "breaker": status.state,
        "failures": status.failures,
        "last_error": status.last_error,
        "keys_age_seconds": None if age is None else round(age),
    }
