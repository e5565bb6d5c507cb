"""Signing in with Google, or with another OpenID provider in its place: an ID token in, or the code flow with PKCE through the browser."""

import hashlib
import re
from datetime import timedelta

import msgspec

from parlor.accounts import identity_queries as queries
from parlor.accounts.account import Account
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.errors import GoogleOff, InvalidIdToken, InvalidSignInFlow, SignInRefused, UnsafeNext
from parlor.accounts.identities import ExternalIdentities, Proved
from parlor.accounts.identity_queries import Flow
from parlor.accounts.issuers import Issuers
from parlor.accounts.oidc.code_flow import Client, authorization_url, token_form
from parlor.accounts.oidc.provider import OpenIdProvider
from parlor.accounts.oidc.tokens import TokenRefused, verify
from parlor.accounts.refresh_tokens import Issued
from parlor.accounts.settings import AuthSettings
from parlor.accounts.sign_ins import Session, SignIns
from parlor.core.clock import Clock
from parlor.core.crypto import random_text
from parlor.core.db import Database, Transaction
from parlor.core.events import current_origin
from parlor.core.limits import RateLimits
from parlor.core.web.settings import ServerSettings

FLOW_SECONDS = 600
CALLBACK_PATH = "/api/v1/auth/google/callback"
MAX_NEXT = 2048

_METHOD = "google"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""Printable ASCII without backslashes, which browsers take for slashes; two at the beginning would name another host."""


class Begun(msgspec.Struct, frozen=True):
    """`url` is where the browser goes, `browser` the secret that it must bring back in a cookie."""

    url: str
    browser: str


class ComeBack(msgspec.Struct, frozen=True):
    """What the provider put into the address that it sent the browser back to."""

    code: str | None
    error: str | None
    issuer: str | None


class GoogleSignIn:
    def __init__(
        self,
        db: Database,
        settings: AuthSettings,
        server: ServerSettings,
        clock: Clock,
        issuers: Issuers,
        identities: ExternalIdentities,
        sign_ins: SignIns,
        authenticator: Authenticator,
        limits: RateLimits,
    ) -> None:
        self._db = db
        self._settings = settings.google
        self._redirect_uri = server.base_url() + CALLBACK_PATH
        self._clock = clock
        self._issuers = issuers
        self._identities = identities
        self._sign_ins = sign_ins
        self._authenticator = authenticator
        self._limits = limits

    async def with_id_token(self, text: str) -> Session:
        """For apps that have signed the person in themselves.

        Raises `GoogleOff`, `InvalidIdToken`, `AccountSuspended`, `LinkRefused`, `ProviderUnavailable`.
        """
        provider = self._provider()
        await self._count()
        return await self._open(provider, text)

    async def begin(self, next_path: str, browser: str | None) -> Begun:
        """Send a browser to the provider, and to `next_path` in the end. A browser that has a secret from another tab keeps it.

        Raises `UnsafeNext`, `GoogleOff`, `ProviderUnavailable`.
        """
        if len(next_path) > MAX_NEXT or _OWN_PATH.fullmatch(next_path) is None:
            raise UnsafeNext
        provider, client = self._provider(), self._client()
        await self._count()
        endpoint = (await provider.metadata()).authorization_endpoint
        state, nonce, verifier = random_text(), random_text(), random_text()
        if browser is None or _SECRET.fullmatch(browser) is None:
            browser = random_text()
        digest = _digest(state, browser)
        await self._db.write(lambda tx: queries.begin_flow(tx, digest, Flow(nonce, verifier, next_path, tx.now() + timedelta(seconds=FLOW_SECONDS))))
        return Begun(authorization_url(endpoint, client, state=state, nonce=nonce, code_verifier=verifier), browser)

    async def take(self, state: str, browser: str | None) -> Flow:
        """What was begun with this state in this browser. Works once, whatever comes of it. Raises `GoogleOff`, `InvalidSignInFlow`."""
        self._client()

        def take(tx: Transaction) -> Flow | None:
            flow = queries.take_flow(tx, _digest(state, browser or ""))
            return flow if flow is not None and flow.expires_at > tx.now() else None

        flow = await self._db.write(take)
        if flow is None:
            raise InvalidSignInFlow
        return flow

    async def finish(self, flow: Flow, come_back: ComeBack) -> Session:
        """Raises `SignInRefused`, `InvalidIdToken`, `AccountSuspended`, `LinkRefused`, `ProviderUnavailable`."""
        provider, client = self._provider(), self._client()
        if come_back.error is not None or not come_back.code or come_back.issuer not in (None, provider.issuer):
            raise SignInRefused
        answer = await provider.exchange(token_form(client, code=come_back.code, code_verifier=flow.code_verifier))
        return await self._open(provider, answer.id_token, nonce=flow.nonce, access_token=answer.access_token)

    async def _open(self, provider: OpenIdProvider, text: str, *, nonce: str | None = None, access_token: str | None = None) -> Session:
        try:
            claims = await verify(text, provider, self._issuers.google_rules, self._clock.now(), nonce=nonce, access_token=access_token)
        except TokenRefused as error:
            raise InvalidIdToken from error
        proved = Proved.of_claims(provider.issuer, claims, believes_email=True)
        return self._sign_ins.session(*await self._identities.open(proved, self._open_sign_in))

    def _open_sign_in(self, tx: Transaction, account: Account) -> tuple[Account, Issued]:
        # The account may have been taken over a moment ago: what its former owner holds ends here at once, and elsewhere within seconds.
        tx.after_commit(lambda: self._authenticator.forget(account.id))
        return account, self._sign_ins.open(tx, account, method=_METHOD)

    async def _count(self) -> None:
        await self._limits.hit("logins_per_address_per_minute", current_origin().address)

    def _provider(self) -> OpenIdProvider:
        if self._issuers.google is None:
            raise GoogleOff
        return self._issuers.google

    def _client(self) -> Client:
        """For the code flow, which alone needs the secret."""
        settings = self._settings
        if settings.client_id is None or settings.client_secret is None:
            raise GoogleOff
        return Client(settings.client_id, settings.client_secret.get_secret_value(), self._redirect_uri)


def _digest(state: str, browser: str) -> bytes:
    """Of both: the state that comes back is worth nothing in another browser, and nobody needs to look at it there."""
    return hashlib.sha256(f"{state} {browser}".encode(errors="surrogatepass")).digest()
