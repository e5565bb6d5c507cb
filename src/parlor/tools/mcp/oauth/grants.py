"""One's grants: which there are, and taking them back."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.log import get_logger
from parlor.tools.errors import ToolError
from parlor.tools.mcp.oauth import queries, token_endpoint
from parlor.tools.mcp.oauth.book import Grant, GrantBook
from parlor.tools.mcp.oauth.errors import NoSuchGrant
from parlor.tools.mcp.oauth.events import McpGrantRevoked
from parlor.tools.mcp.oauth.queries import StoredGrant
from parlor.tools.mcp.oauth.reach import Reaches

REVOKE_SECONDS = 10.0
PAGE = 100
NEWEST = UUID(int=2**128 - 1)

log = get_logger("parlor.tools.mcp.oauth")


class Grants:
    def __init__(self, db: Database, book: GrantBook, reaches: Reaches, events: Events) -> None:
        self._db = db
        self._book = book
        self._reaches = reaches
        self._events = events

    async def list(self, account_id: UUID, *, before: UUID = NEWEST, most: int) -> Sequence[StoredGrant]:
        """Newest first; the tokens in it are sealed."""
        return await self._db.read(lambda tx: queries.list_grants(tx, account_id, before=before, most=most))

    async def revoke(self, account_id: UUID, server: str) -> None:
        """Take back what was granted at the server of that name, there and here: one's own, else the operator's. Raises `NoSuchGrant`."""
        for key in (f"{account_id}/{server}", server):
            stored = await self._db.read(lambda tx, key=key: queries.find(tx, key, account_id))
            if stored is not None:
                await self._end(stored)
                return
        raise NoSuchGrant

    async def revoke_all(self, account_id: UUID) -> int:
        """For an account that is erased. How many there were."""
        count = 0
        while page := await self.list(account_id, most=PAGE):
            await asyncio.gather(*(self._end(stored) for stored in page))
            count += len(page)
        return count

    async def _end(self, stored: StoredGrant) -> None:
        """Gone here whatever the authorization server says, but only after it was asked: its tokens are needed for that."""
        grant = self._book.opened(stored)
        is_revoked = grant is not None and await self._revoke_there(grant)

        def end(tx: Transaction) -> None:
            queries.drop(tx, stored.id)
            terms = stored.terms
            event = McpGrantRevoked(account_id=stored.account_id, server=terms.server_key, issuer=terms.issuer, is_revoked_there=is_revoked)
            self._events.record(tx, event)
            tx.after_commit(lambda: self._book.forget(terms.server_key, stored.account_id))

        await self._db.write(end)

    async def _revoke_there(self, grant: Grant) -> bool:
        """The refresh token, with which the access tokens of the grant go (RFC 7009, section 2.1); where there is none, the access token."""
        terms = grant.terms
        reach = self._reaches.of(terms.server_url, is_trusted=terms.is_trusted)
        token = grant.refresh_token or grant.access_token
        try:
            async with asyncio.timeout(REVOKE_SECONDS):
                return await token_endpoint.revoke(reach, terms, token, is_refresh_token=grant.refresh_token is not None)
        except (ToolError, TimeoutError) as error:
            log.warning("mcp.grant_not_revoked_there", server=terms.server_key, error=str(error) or type(error).__name__)
            return False
