"""Access tokens: short-lived JWTs that name an account, a sign-in and a token version. What the account may do is not in them."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from parlor.accounts.errors import InvalidToken, TokenExpired
from parlor.accounts.settings import AuthSettings
from parlor.core.clock import Clock
from parlor.core.crypto import SecretKey, encode

LEEWAY_SECONDS = 10
"""How far the clocks of two replicas may be apart."""

MAX_TOKEN = 4096
_TYPE = "access"
_HEADER = encode(b'{"alg":"HS256","typ":"JWT"}').encode()
_CLAIMS = ["iss", "aud", "typ", "sub", "sid", "tv", "iat", "exp"]
_OWN_TIME_CHECKS = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False, "enforce_minimum_key_length": True}


class AccessClaims(msgspec.Struct, frozen=True):
    """`expires_at` is in seconds since 1970, as in the token."""

    account_id: UUID
    sign_in_id: UUID
    token_version: int
    expires_at: int


class AccessTokens:
    """Signs with a key of its own, derived from the installation's secret. HS256 and nothing else, whatever a token's header asks for."""

    def __init__(self, settings: AuthSettings, key: SecretKey, clock: Clock) -> None:
        self._settings = settings
        self._key = key.derive("access tokens")
        self._clock = clock

    @property
    def lifetime_seconds(self) -> int:
        return self._settings.access_token_seconds

    def issue(self, account_id: UUID, sign_in_id: UUID, token_version: int) -> str:
        """Written by hand: what the library does for it is a tenth of a login. Its reading of the token stays."""
        now = self._clock.now()
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "typ": _TYPE,
            "sub": str(account_id),
            "sid": str(sign_in_id),
            "tv": token_version,
            "iat": _seconds(now),
            "exp": _seconds(now + timedelta(seconds=self.lifetime_seconds)),
        }
        signed = b"%s.%s" % (_HEADER, encode(msgspec.json.encode(claims)).encode())
        return f"{signed.decode()}.{encode(hmac.digest(self._key, signed, 'sha256'))}"

    def verify(self, text: str) -> AccessClaims:
        """What a token of ours says. Raises `InvalidToken`, `TokenExpired`."""
        import jwt  # with the first token: it loads all of a cryptography library, and a start is no time for that

        if len(text) > MAX_TOKEN:
            raise InvalidToken
        try:
            claims = jwt.decode(
                text,
                self._key,
                algorithms=[self._settings.jwt_algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options=_OWN_TIME_CHECKS,  # pyright: ignore[reportArgumentType]  # a plain dict of its options
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise InvalidToken from error
        self._check_times(claims)
        return self._read(claims)

    def has_expired(self, expires_at: int) -> bool:
        return self._clock.now().timestamp() >= expires_at + LEEWAY_SECONDS

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        """Our own, because the library reads a time that is written as text, and asks the machine's clock."""
        now = self._clock.now().timestamp()
        starts = [claims["iat"], claims.get("nbf", claims["iat"])]
        if any(type(each) is not int for each in (*starts, claims["exp"])) or max(starts) > now + LEEWAY_SECONDS:
            raise InvalidToken
        if self.has_expired(claims["exp"]):
            raise TokenExpired

    @staticmethod
    def _read(claims: Mapping[str, Any]) -> AccessClaims:
        if claims["typ"] != _TYPE or type(claims["tv"]) is not int:
            raise InvalidToken
        try:
            return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]), claims["tv"], claims["exp"])
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidToken from error


def _seconds(time: datetime) -> int:
    return int(time.timestamp())
