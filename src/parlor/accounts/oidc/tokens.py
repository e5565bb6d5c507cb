"""Checking a token that an issuer signed: the signature with pinned algorithms, and every claim that says for whom and until when."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from parlor.accounts.oidc.provider import OpenIdProvider

LEEWAY_SECONDS = 60
"""How far the issuer's clock may be from ours."""

MAX_SUBJECT = 255
_MAX_TOKEN = 16_384


class TokenRefused(Exception):
    """`has_expired` when nothing else is wrong with it."""

    def __init__(self, *, has_expired: bool = False) -> None:
        super().__init__()
        self.has_expired = has_expired


class TokenRules(msgspec.Struct, frozen=True):
    """`issuers` are the spellings of `iss` that are taken, `audiences` whom the token may be for, `claims` what it must say besides.

    With `parties` it must have been given to one of these clients (`azp`), which OpenID Connect asks of ID tokens.
    """

    issuers: Collection[str]
    audiences: Collection[str]
    algorithms: Collection[str]
    parties: Collection[str] | None = None
    claims: Mapping[str, str | bool | int] = msgspec.field(default_factory=dict[str, "str | bool | int"])


async def verify(
    text: str, provider: OpenIdProvider, rules: TokenRules, now: datetime, *, nonce: str | None = None, access_token: str | None = None
) -> Mapping[str, Any]:
    """What the token says. Raises `TokenRefused`, and `ProviderUnavailable` when the keys to check it cannot be had.

    With a `nonce` the token must have the same one; with an `access_token` it must fit `at_hash`, where there is one.
    """
    from authlib.oidc.core.claims import CodeIDToken
    from joserfc.errors import ExpiredTokenError, JoseError

    header, claims = await _checked(text, provider, rules)
    wanted = {
        "iss": {"essential": True, "values": list(rules.issuers)},
        "aud": {"essential": True, "values": list(rules.audiences)},
        "sub": {"essential": True},
    }
    try:
        token: Any = CodeIDToken(dict(claims), header, options=wanted, params={"nonce": nonce, "access_token": access_token})
        token.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
    except ExpiredTokenError as error:
        raise TokenRefused(has_expired=True) from error
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused from error
    _check_rest(claims, rules)
    return claims


def unverified(text: str) -> Mapping[str, Any]:
    """The claims as anybody may have written them; empty when there are none. To find out whose token it claims to be, and nothing else."""
    from joserfc.util import urlsafe_b64decode

    parts = text.split(".")
    if len(parts) != 3 or len(text) > _MAX_TOKEN:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1].encode()))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else {}


async def _checked(text: str, provider: OpenIdProvider, rules: TokenRules) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, once the signature is right. The algorithm is one of ours and fits the key, whatever the header says."""
    from joserfc import jws
    from joserfc.errors import JoseError

    if len(text) > _MAX_TOKEN:
        raise TokenRefused
    # Unknown header parameters are ignored, as RFC 7515 says; those that are marked critical are refused still.
    registry = jws.JWSRegistry(algorithms=list(rules.algorithms), strict_check_header=False)
    try:
        header = jws.extract_compact(text.encode(), registry=registry).headers()
        key_id = header.get("kid")
        if header.get("alg") not in rules.algorithms or not isinstance(key_id, str | None):
            raise TokenRefused
        key = await provider.find_key(key_id)
        if key is None:
            raise TokenRefused
        signed = jws.deserialize_compact(text.encode(), key, registry=registry)
        claims = json.loads(signed.payload or b"")
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenRefused from error
    if not isinstance(claims, dict):
        raise TokenRefused
    return header, cast("dict[str, Any]", claims)


def _check_rest(claims: Mapping[str, Any], rules: TokenRules) -> None:
    subject: str = claims["sub"]
    if len(subject) > MAX_SUBJECT or "\x00" in subject:
        raise TokenRefused
    if rules.parties is not None and not _is_for_one_of(rules.parties, claims):
        raise TokenRefused
    if any(type(claims.get(name)) is not type(value) or claims[name] != value for name, value in rules.claims.items()):
        raise TokenRefused


def _is_for_one_of(parties: Collection[str], claims: Mapping[str, Any]) -> bool:
    """OpenID Connect Core 1.0, section 3.1.3.7. Not authlib's check, which knows one client: an app signs people in for its operator's server."""
    if (party := claims.get("azp")) is not None:
        return isinstance(party, str) and party in parties
    audience: str | list[str] = claims["aud"]
    return isinstance(audience, str) or set(audience) <= set(parties)
