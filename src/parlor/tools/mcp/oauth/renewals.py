"""Renewing grants: each set of tokens once, however many calls and replicas want it at the same moment.

An authorization server that gives a new refresh token with every answer takes the second use of an old one for theft and ends the whole grant.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.log import get_logger
from parlor.tools.errors import ToolError
from parlor.tools.mcp.oauth import queries, token_endpoint
from parlor.tools.mcp.oauth.book import Grant, GrantBook, end_of
from parlor.tools.mcp.oauth.clients import Clients
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable, TokenRefused
from parlor.tools.mcp.oauth.events import McpGrantLost
from parlor.tools.mcp.oauth.reach import TIMEOUTS, Reaches
from parlor.tools.mcp.oauth.terms import Terms, Tokens
from parlor.tools.mcp.specs import ServerSpec

LEASE = timedelta(seconds=2 * TIMEOUTS.total_seconds)
"""Longer than a request may take: whoever comes after it finds that its holder is gone."""
WAIT_SECONDS = LEASE.total_seconds() + TIMEOUTS.total_seconds
_LOOK_SECONDS = 0.1
_OUR_FAULT = ("invalid_client", "unauthorized_client")

log = get_logger("parlor.tools.mcp.oauth")


class Renewals:
    def __init__(self, db: Database, book: GrantBook, reaches: Reaches, clients: Clients, events: Events) -> None:
        self._db = db
        self._book = book
        self._reaches = reaches
        self._clients = clients
        self._events = events
        self._running: dict[tuple[UUID, int], asyncio.Task[Grant | None]] = {}

    async def renewed(self, grant: Grant, spec: ServerSpec) -> Grant | None:
        """The grant with newer tokens than those; None when it is over, and deleted. Who stops waiting stops nothing.

        Raises ToolError when the authorization server cannot be asked, or does not answer as it should.
        """
        key = (grant.id, grant.epoch)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._renew(grant, spec), name=f"renewal of grant {grant.id}")
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Renewals under way come to their end: a refresh token that was given and not stored is lost."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=WAIT_SECONDS)

    def _end(self, key: tuple[UUID, int], task: "asyncio.Task[Grant | None]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # whoever waits gets it; where nobody does any more it is no news either

    async def _renew(self, grant: Grant, spec: ServerSpec) -> Grant | None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not await self._db.write(lambda tx: queries.claim(tx, grant.id, grant.epoch, tx.now() + LEASE)):
                    now = await self._book.read_again(grant)
                    if now is None or now.epoch != grant.epoch:
                        return self._seen(grant, now)
                    await asyncio.sleep(_LOOK_SECONDS)  # another replica is at it, and tells nobody but the database
        except TimeoutError as error:
            raise SignInUnreachable("renewing the sign-in takes too long") from error
        return self._seen(grant, await self._ask(grant, spec))

    def _seen(self, before: Grant, grant: Grant | None) -> Grant | None:
        if grant is None:
            self._book.forget(before.terms.server_key, before.account_id)
        else:
            self._book.remember(grant)
        return grant

    async def _ask(self, grant: Grant, spec: ServerSpec) -> Grant | None:
        """With the lease."""
        terms = _current(grant.terms, spec)
        reach = self._reaches.of(terms.server_url, is_trusted=terms.is_trusted)
        try:
            if grant.refresh_token is None:
                raise TokenRefused("invalid_grant")
            tokens = await token_endpoint.renew(reach, terms, grant.refresh_token)
        except TokenRefused as refusal:
            return await self._refused(grant, refusal.error, _is_agreed(terms, spec))
        except ToolError:
            await self._db.write(lambda tx: queries.release(tx, grant.id, grant.epoch))
            raise
        return await self._store(grant, tokens)

    async def _store(self, grant: Grant, tokens: Tokens) -> Grant | None:
        """What the answer leaves out stays as it was (RFC 6749, section 6)."""

        def store(tx: Transaction) -> Grant | None:
            renewed = replace(
                grant,
                access_token=tokens.access_token,
                refresh_token=tokens.refresh_token or grant.refresh_token,
                scope=tokens.scope or grant.scope,
                expires_at=end_of(tokens, tx.now()),
                renewed_at=tx.now(),
            )
            return replace(renewed, epoch=grant.epoch + 1) if queries.renew(tx, self._book.sealed(renewed)) else None

        stored = await self._db.write(store)
        return stored if stored is not None else await self._book.read_again(grant)

    async def _refused(self, grant: Grant, error: str, is_agreed: bool) -> Grant | None:
        """Deletes the grant, unless the fault may be the operator's: a wrong client secret must not sign everybody out."""
        if error != "invalid_grant" and (is_agreed or error not in _OUR_FAULT):
            await self._db.write(lambda tx: queries.release(tx, grant.id, grant.epoch))
            raise SignInUnusable(f"the authorization server does not renew the sign-in: {error}")
        if error in _OUR_FAULT:
            await self._clients.forget(grant.terms.issuer, grant.terms.client_id)

        def lose(tx: Transaction) -> bool:
            if not queries.lose(tx, grant.id, grant.epoch):
                return False
            event = McpGrantLost(account_id=grant.account_id, server=grant.terms.server_key, issuer=grant.terms.issuer, error=error)
            self._events.record(tx, event)
            return True

        if await self._db.write(lose):
            log.info("mcp.grant_lost", server=grant.terms.server_key, error=error)
            return None
        return await self._book.read_again(grant)


def _is_agreed(terms: Terms, spec: ServerSpec) -> bool:
    return spec.oauth is not None and spec.oauth.client_id == terms.client_id


def _current(terms: Terms, spec: ServerSpec) -> Terms:
    """With the secret of the settings, where it is the operator's client: it may have been changed since."""
    return replace(terms, client_secret=spec.oauth.client_secret or None) if spec.oauth is not None and _is_agreed(terms, spec) else terms
