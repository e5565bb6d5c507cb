"""One OpenID provider over the wire: its discovery document, its keys and its token endpoint, all through the one door out."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from parlor.accounts.errors import ProviderUnavailable, SignInRefused
from parlor.accounts.oidc.kept import Kept
from parlor.core.errors import Unavailable
from parlor.core.outbound import Outbound, OutboundFailed, Timeouts
from parlor.core.resilience import BreakerStatus, CircuitBreaker

if TYPE_CHECKING:
    from joserfc.jwk import Key

T = TypeVar("T")

_TIMEOUTS = Timeouts(connect_seconds=3, first_byte_seconds=5, idle_seconds=5, total_seconds=8)
_MAX_BYTES = 256 * 1024
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_FAILURES, _OPEN_SECONDS = 5, 30.0


class Metadata(msgspec.Struct, frozen=True):
    """The part of a discovery document (OpenID Connect Discovery 1.0, section 3) that we use."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""

    def endpoints(self) -> tuple[str, ...]:
        return tuple(each for each in (self.jwks_uri, self.authorization_endpoint, self.token_endpoint) if each)


class TokenAnswer(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class BadAnswer(OutboundFailed):
    """It answers, and not with what the protocol says."""

    code = "outbound.bad_answer"


class OpenIdProvider:
    """`issuer` is the operator's, so its addresses are trusted; what its documents name must be as safe as itself."""

    def __init__(self, outbound: Outbound, issuer: str, jwks_url: str | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._outbound = outbound
        self._jwks_url = jwks_url
        self._breaker = CircuitBreaker(_host_of(issuer), failures=_FAILURES, open_seconds=_OPEN_SECONDS, counts=OutboundFailed, monotonic=monotonic)
        self._metadata = Kept(self._fetch_metadata, monotonic=monotonic)
        self._keys = Kept(self._fetch_keys, monotonic=monotonic)

    @property
    def status(self) -> BreakerStatus:
        return self._breaker.status

    @property
    def keys_age_seconds(self) -> float | None:
        """None while they are not known."""
        return self._keys.age_seconds

    async def metadata(self) -> Metadata:
        """Raises `ProviderUnavailable`."""
        return await self._metadata.get()

    async def find_key(self, key_id: str | None) -> "Key | None":
        """The key with that id; without an id the only one. One that is unknown is asked for, a few seconds apart at most.

        Raises `ProviderUnavailable` when the keys are not known, or might hold it and cannot be asked for.
        """
        found = (await self._keys.get()).get(key_id)
        return found if found is not None else (await self._keys.renewed()).get(key_id)

    async def exchange(self, form: str) -> TokenAnswer:
        """Give a code for tokens. Raises `SignInRefused` when the provider does not honour it, `ProviderUnavailable` when it cannot be asked."""
        endpoint = (await self.metadata()).token_endpoint
        try:
            async with self._breaker.attempt():
                status, body = await self._call("POST", endpoint, form.encode(), _FORM)
                if status >= 500 or status == 429:
                    raise BadAnswer(f"{_host_of(endpoint)} answers {status}.")
                if status == 200:
                    return _decoded(body, TokenAnswer, endpoint)
        except Unavailable as error:
            raise ProviderUnavailable(retry_after_seconds=error.facts.get("retry_after_seconds") or self._breaker.status.retry_after_seconds or 5) from error
        raise SignInRefused

    async def _fetch_metadata(self) -> Metadata:
        return await self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration", self._read_metadata)

    def _read_metadata(self, body: bytes, url: str) -> Metadata:
        found = _decoded(body, Metadata, url)
        if found.issuer != self.issuer:
            raise BadAnswer(f"The discovery document of {self.issuer} is another issuer's.")
        if any(urlsplit(each).scheme not in ("https", urlsplit(self.issuer).scheme) for each in found.endpoints()):
            raise BadAnswer(f"The discovery document of {self.issuer} names an address without https.")
        return found

    async def _fetch_keys(self) -> "Mapping[str | None, Key]":
        return await self._get(self._jwks_url or (await self.metadata()).jwks_uri, _read_keys)

    async def _get(self, url: str, read: Callable[[bytes, str], T]) -> T:
        async with self._breaker.attempt():
            status, body = await self._call("GET", url, None, {"Accept": "application/json"})
            if status != 200:
                raise BadAnswer(f"{_host_of(url)} answers {status}.")
            return read(body, url)

    async def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if not url:
            raise BadAnswer(f"The discovery document of {self.issuer} names no such endpoint.")
        async with self._outbound.trusted(method, url, headers=headers, body=body, timeouts=_TIMEOUTS) as reply:
            return reply.status, await reply.read_all(_MAX_BYTES)


def _read_keys(body: bytes, url: str) -> "Mapping[str | None, Key]":
    """By id; under None as well when there is just one. Shared secrets, encryption keys and kinds that we do not know are left out."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    found: dict[str | None, jwk.Key] = {}
    for each in _decoded(body, _KeySet, url).keys:
        if each.get("kty") not in ("RSA", "EC", "OKP") or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwk.import_key(each)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        found[key.kid] = key
    if len(found) == 1:
        found[None] = next(iter(found.values()))
    return found


def _decoded(body: bytes, kind: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{_host_of(url)} does not answer what it should.") from error


def _host_of(url: str) -> str:
    return urlsplit(url).netloc
