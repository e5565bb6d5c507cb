"""The one place where a credential becomes a caller.

Every kind of credential is a `CredentialKind`; what the account may do at this moment is looked up here for all of them alike, so that no kind can forget it.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from parlor.accounts import sign_in_queries as queries
from parlor.accounts.caller import ALL_SCOPES, Caller, Scope
from parlor.accounts.errors import AccountNotFound, AccountSuspended, ExpiredApiKey, InvalidToken, RevokedApiKey, SignInEnded, TokenExpired
from parlor.accounts.key_uses import KeyUses
from parlor.accounts.settings import AuthSettings
from parlor.accounts.tokens import LEEWAY_SECONDS, MAX_TOKEN, AccessTokens
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.core.errors import Unauthenticated


class Identity(msgspec.Struct, frozen=True):
    """What a credential proves by itself. `token_version`, `sign_in_id` and `api_key_id` are compared with the account's when they are given.

    `expires_at` is the last moment (seconds since 1970) at which it counts.
    """

    credential: str
    account_id: UUID
    scopes: frozenset[Scope]
    sign_in_id: UUID | None = None
    api_key_id: UUID | None = None
    token_version: int | None = None
    expires_at: float | None = None


class CredentialKind(Protocol):
    """Access tokens, API keys, tokens of trusted issuers."""

    def recognises(self, text: str) -> bool:
        """By its looks alone. The first kind that does decides."""
        ...

    async def identify(self, text: str) -> Identity:
        """Raises `Unauthenticated`."""
        ...


class AccessTokenKind:
    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def recognises(self, text: str) -> bool:
        return text.count(".") == 2

    async def identify(self, text: str) -> Identity:
        claims = self._tokens.verify(text)
        return Identity(
            "access_token",
            claims.account_id,
            ALL_SCOPES,
            sign_in_id=claims.sign_in_id,
            token_version=claims.token_version,
            expires_at=claims.expires_at + LEEWAY_SECONDS,
        )


class _Remembered(msgspec.Struct):
    identity: Identity
    caller: Caller
    fresh_until: float


class Authenticator:
    """`resolve` proves a credential once, remembers it by its whole SHA-256, and reads role, status and token version again every few seconds.

    So a change of these ends access everywhere within `standing_cache_seconds` (at most 5) with nothing but the database.
    In this process `forget` ends it at once.
    """

    def __init__(
        self,
        db: Database,
        settings: AuthSettings,
        clock: Clock,
        kinds: Sequence[CredentialKind],
        monotonic: Callable[[], float] = time.monotonic,
        most_remembered: int = 8192,
        *,
        key_uses: KeyUses | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._kinds = kinds
        self._monotonic = monotonic
        self._standing_seconds = settings.standing_cache_seconds
        self._most_remembered = most_remembered
        self._key_uses = key_uses
        self._remembered: dict[bytes, _Remembered] = {}
        self._forgotten = 0

    @property
    def remembered(self) -> int:
        """How many credentials are remembered."""
        return len(self._remembered)

    async def resolve(self, credential: str | None) -> Caller:
        """The caller behind a bearer credential. Raises `Unauthenticated`, and `AccountSuspended` for a valid one of a suspended account."""
        if credential is None or not credential or len(credential) > MAX_TOKEN:
            raise Unauthenticated
        digest = hashlib.sha256(credential.encode(errors="surrogatepass")).digest()
        known = self._remembered.get(digest)
        identity = known.identity if known is not None else await self._identify(credential)
        self._refuse_expired(identity)
        caller = known.caller if known is not None and self._monotonic() < known.fresh_until else None
        if caller is None:
            caller = await self._stand(digest, identity) if known is None else await self._stand_again(digest, identity, credential)
        if self._key_uses is not None and caller.api_key_id is not None:
            self._key_uses.note(caller.api_key_id)
        return caller

    async def stand_in(self, caller: Caller, account_id: UUID) -> Caller:
        """An administrator as somebody else: with that account's rights, and never as an administrator. Raises `AccountNotFound`, `AccountSuspended`."""
        standing = await self._db.read(lambda tx: queries.find_standing(tx, account_id, None, None))
        if standing is None:
            raise AccountNotFound
        if standing.status != "active":
            raise AccountSuspended
        return replace(caller, account_id=account_id, role="user", groups=frozenset(standing.groups), sign_in_id=None)

    def forget(self, account_id: UUID) -> None:
        """Ask the database again at the next request of this account. For `tx.after_commit` of whatever changed it."""
        self._forgotten += 1
        for digest in [digest for digest, each in self._remembered.items() if each.identity.account_id == account_id]:
            del self._remembered[digest]

    async def _identify(self, credential: str) -> Identity:
        for kind in self._kinds:
            if kind.recognises(credential):
                return await kind.identify(credential)
        raise InvalidToken

    async def _stand_again(self, digest: bytes, identity: Identity, credential: str) -> Caller:
        """What is remembered may have come to mean somebody else: an issuer's subject can lose its account to the owner of the address."""
        try:
            return await self._stand(digest, identity)
        except SignInEnded:
            return await self._stand(digest, await self._identify(credential))

    async def _stand(self, digest: bytes, identity: Identity) -> Caller:
        """Read what holds for the account now. Counted from before the read, so that nothing remembered is older than it says."""
        started, forgotten = self._monotonic(), self._forgotten
        standing = await self._db.read(lambda tx: queries.find_standing(tx, identity.account_id, identity.sign_in_id, identity.api_key_id))
        if standing is None or (identity.token_version is not None and identity.token_version != standing.token_version):
            self._remembered.pop(digest, None)
            raise SignInEnded if identity.api_key_id is None else RevokedApiKey
        if standing.status != "active":
            self._remembered.pop(digest, None)
            raise AccountSuspended
        caller = Caller(
            identity.account_id, standing.role, identity.scopes, identity.credential, identity.sign_in_id, identity.api_key_id, frozenset(standing.groups)
        )
        if forgotten == self._forgotten:  # what was read may be from before a change that we were told of meanwhile
            self._remember(digest, _Remembered(identity, caller, started + self._standing_seconds))
        return caller

    def _remember(self, digest: bytes, entry: _Remembered) -> None:
        if digest not in self._remembered and len(self._remembered) >= self._most_remembered:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = entry

    def _refuse_expired(self, identity: Identity) -> None:
        if identity.expires_at is not None and self._clock.now().timestamp() >= identity.expires_at:
            raise TokenExpired if identity.api_key_id is None else ExpiredApiKey
