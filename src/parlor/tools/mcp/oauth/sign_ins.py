"""Signing in at a tool server: a person's browser goes to the authorization server and comes back with a code, which becomes a grant."""

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory
from parlor.core.crypto import encode, random_text
from parlor.core.db import Database, Transaction
from parlor.core.events import Events, acting_as
from parlor.core.ids import new_id
from parlor.core.log import get_logger
from parlor.tools.errors import ToolError
from parlor.tools.mcp.oauth import queries, token_endpoint
from parlor.tools.mcp.oauth.book import Grant, GrantBook, end_of
from parlor.tools.mcp.oauth.challenge import union_of, wanted_by
from parlor.tools.mcp.oauth.clients import Clients
from parlor.tools.mcp.oauth.discovery import Authority, Discovery
from parlor.tools.mcp.oauth.errors import SignInRefused, SignInUnusable, TokenRefused
from parlor.tools.mcp.oauth.events import McpSignedIn
from parlor.tools.mcp.oauth.queries import StoredSignIn
from parlor.tools.mcp.oauth.reach import Reaches
from parlor.tools.mcp.oauth.settings import OAuthSettings
from parlor.tools.mcp.oauth.tables import MOST_KEY_CHARS, MOST_NAME_CHARS, MOST_SCOPE_CHARS
from parlor.tools.mcp.oauth.terms import Terms, Tokens, Vault
from parlor.tools.mcp.specs import Challenge, ServerSpec

MOST_WAITING = 20
"""Sign-ins of one account that can be finished: with one more the oldest is given up."""

log = get_logger("parlor.tools.mcp.oauth")


class Begun(msgspec.Struct, frozen=True):
    """`url` is where the browser goes, `host` whose page that is, `scope` what is asked for there."""

    url: str
    host: str
    scope: str | None


class ComeBack(msgspec.Struct, frozen=True):
    """What the authorization server put into the address that it sent the browser back to."""

    state: str
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


class ServerSignIns:
    def __init__(
        self,
        db: Database,
        settings: OAuthSettings,
        discovery: Discovery,
        clients: Clients,
        book: GrantBook,
        vault: Vault,
        reaches: Reaches,
        accounts: AccountDirectory,
        events: Events,
    ) -> None:
        self._db = db
        self._seconds = settings.sign_in_seconds
        self._discovery = discovery
        self._clients = clients
        self._book = book
        self._vault = vault
        self._reaches = reaches
        self._accounts = accounts
        self._events = events

    async def begin(self, spec: ServerSpec, account_id: UUID, challenge: Challenge | None) -> Begun:
        """Raises SignInUnusable and SignInUnreachable."""
        authority = await self._discovery.authority(spec, wanted_by(challenge))
        scope = await self._scope(spec, account_id, authority, challenge)
        client = await self._clients.at(authority, spec, scope)
        terms = Terms(
            server_key=spec.key,
            server_url=spec.url,
            is_trusted=spec.is_trusted,
            issuer=authority.issuer,
            client_id=client.client_id,
            client_secret=client.client_secret,
            auth_method=client.auth_method,
            redirect_uri=client.redirect_uri,
            token_endpoint=authority.token_endpoint,
            revocation_endpoint=authority.revocation_endpoint,
            resource=authority.resource,
        )
        if len(spec.key) > MOST_KEY_CHARS or len(client.redirect_uri) > MOST_NAME_CHARS or len(scope or "") > MOST_SCOPE_CHARS:
            raise SignInUnusable("the server's name, our address or the list of scopes is too long")
        state, verifier = random_text(), secrets.token_urlsafe(64)
        sealed, stored_terms = self._vault.seal(account_id, spec.key, verifier), self._book.sealed_terms(terms, account_id)

        def begin(tx: Transaction) -> bool:
            if self._accounts.find(tx, account_id) is None:
                return False
            end = tx.now() + timedelta(seconds=self._seconds)
            sign_in = StoredSignIn(stored_terms, account_id, sealed, authority.promises_issuer, scope or "", end)
            queries.begin_sign_in(tx, _digest(state), sign_in, most=MOST_WAITING)
            return True

        if not await self._db.write(begin):
            raise SignInUnusable("a sign-in is somebody's, and nobody is calling: ask as a user")
        url = _authorization_url(authority, terms, scope=scope, state=state, verifier=verifier)
        return Begun(url, urlsplit(url).hostname or "", scope)

    async def finish(self, come_back: ComeBack, *, signed_in_as: UUID | None = None) -> str:
        """Keep the grant; returns the server's key. The state works once, whatever comes of it. Raises SignInRefused.

        `signed_in_as` is the account that the browser shows, if it shows one: somebody else's sign-in is not finished in it.
        """
        sign_in = await self._take(come_back.state)
        if signed_in_as not in (None, sign_in.account_id):
            raise SignInRefused("This sign-in was begun by another account than the one that is signed in here.")
        terms = self._book.opened_terms(sign_in.terms, sign_in.account_id)
        await self._check(come_back, sign_in, terms)
        verifier = self._vault.unseal(sign_in.account_id, terms.server_key, sign_in.verifier)
        if verifier is None or not come_back.code:
            raise SignInRefused("This sign-in cannot be finished. Start it again.")
        tokens = await self._exchange(terms, come_back.code, verifier)
        if not await self._db.write(lambda tx: self._keep(tx, sign_in, terms, tokens)):
            raise SignInRefused("The account that began this sign-in cannot be used any more.")
        return terms.server_key

    async def _take(self, state: str) -> StoredSignIn:
        def take(tx: Transaction) -> StoredSignIn | None:
            found = queries.take_sign_in(tx, _digest(state))
            return found if found is not None and found.expires_at > tx.now() else None

        if (sign_in := await self._db.write(take)) is None:
            raise SignInRefused("This sign-in is not known here, was finished already, or has waited too long. Start it again.")
        return sign_in

    async def _check(self, come_back: ComeBack, sign_in: StoredSignIn, terms: Terms) -> None:
        """RFC 9207: what another authorization server says, or could have said, is not looked at any further."""
        if come_back.issuer != terms.issuer and (come_back.issuer is not None or sign_in.promises_issuer):
            log.warning("mcp.sign_in_of_another_issuer", server=terms.server_key)
            raise SignInRefused("The answer comes from somebody else than the one who was asked. Nobody was signed in.")
        if come_back.error in ("invalid_scope", "unauthorized_client"):
            # We may be registered without what is asked for now, and what a server once wanted need not be there any more: the next time begins anew.
            await self._clients.forget(terms.issuer, terms.client_id)
            if (grant := await self._book.read(terms.server_key, sign_in.account_id)) is not None:
                await self._db.write(lambda tx: queries.want(tx, grant.id, None))
        if come_back.error is not None:
            raise SignInRefused("The sign-in was refused there, or given up. Nobody was signed in.")

    async def _exchange(self, terms: Terms, code: str, verifier: str) -> Tokens:
        try:
            return await token_endpoint.exchange(self._reaches.of(terms.server_url, is_trusted=terms.is_trusted), terms, code=code, verifier=verifier)
        except TokenRefused as refusal:
            log.info("mcp.sign_in_refused", server=terms.server_key, error=refusal.error)
            if refusal.error in ("invalid_client", "unauthorized_client"):
                await self._clients.forget(terms.issuer, terms.client_id)
            raise SignInRefused("The server did not accept the sign-in. Start it again.") from refusal
        except ToolError as error:
            log.warning("mcp.sign_in_failed", server=terms.server_key, error=str(error))
            raise SignInRefused("The server could not be asked whether the sign-in is good. Start it again in a moment.") from error

    def _keep(self, tx: Transaction, sign_in: StoredSignIn, terms: Terms, tokens: Tokens) -> bool:
        account = self._accounts.find(tx, sign_in.account_id)
        if account is None or account.status != "active":
            return False
        now, scope = tx.now(), tokens.scope or sign_in.scope
        grant = Grant(
            new_id(), account.id, terms, scope, None, tokens.access_token, tokens.refresh_token, end_of(tokens, now), now, now, epoch=1
        )  # fmt: skip
        queries.keep(tx, self._book.sealed(grant))
        with acting_as(actor=f"user:{account.id}"):
            event = McpSignedIn(account_id=account.id, server=terms.server_key, issuer=terms.issuer, scopes=tuple(scope.split()))
            self._events.record(tx, event)
        tx.after_commit(lambda: self._book.forget(terms.server_key, account.id))
        return True

    async def _scope(self, spec: ServerSpec, account_id: UUID, authority: Authority, challenge: Challenge | None) -> str | None:
        """What the operator has written down, else what the server wants; and with it what was granted before, when more than that is needed."""
        wanted = wanted_by(challenge)
        configured = " ".join(spec.oauth.scopes) if spec.oauth else ""
        scope = union_of(configured, wanted.scope if wanted.error == "insufficient_scope" else None) if configured else authority.scope_for(wanted)
        grant = await self._book.read(spec.key, account_id)
        if grant is None or grant.terms.server_url != spec.url:
            return scope
        if wanted.error == "insufficient_scope":
            return union_of(grant.scope, grant.wanted_scope, scope)
        return union_of(grant.wanted_scope, scope)


def _authorization_url(authority: Authority, terms: Terms, *, scope: str | None, state: str, verifier: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": terms.client_id,
        "redirect_uri": terms.redirect_uri,
        "state": state,
        "code_challenge": encode(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    if terms.resource is not None:
        asked["resource"] = terms.resource
    if scope:
        asked["scope"] = scope
        if "offline_access" in scope.split():
            asked["prompt"] = "consent"  # OpenID Connect Core, section 11
    endpoint = authority.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def _digest(state: str) -> bytes:
    """So that nobody who reads the table can finish somebody's sign-in."""
    return hashlib.sha256(state.encode(errors="surrogatepass")).digest()
