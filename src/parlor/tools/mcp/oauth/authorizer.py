"""What connections ask: the header of a request, and what to do when a server refuses it."""

import hashlib
from datetime import timedelta

from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.tools.errors import ToolError
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.book import Grant, GrantBook
from parlor.tools.mcp.oauth.challenge import union_of, wanted_by
from parlor.tools.mcp.oauth.renewals import Renewals
from parlor.tools.mcp.oauth.sign_ins import ServerSignIns
from parlor.tools.mcp.specs import Challenge, ServerSpec
from parlor.tools.ports import Asked, ToolCaller

YOUNG = timedelta(seconds=10)
"""A token that was given so shortly ago is not renewed because a call with the one before it was refused: many calls are refused at once."""


class GrantAuthorizer:
    """`parlor.tools.mcp.ports.Authorizer` with the grants that users have given."""

    def __init__(self, db: Database, clock: Clock, book: GrantBook, renewals: Renewals, sign_ins: ServerSignIns) -> None:
        self._db = db
        self._clock = clock
        self._book = book
        self._renewals = renewals
        self._sign_ins = sign_ins

    async def authorization(self, spec: ServerSpec, caller: ToolCaller) -> str | None:
        grant = await self._book.find(spec, caller.account_id)
        now = self._clock.now()
        if grant is not None and grant.is_due(now):
            grant = await self._in_time(grant, spec)
        return None if grant is None else f"Bearer {grant.access_token}"

    async def _in_time(self, grant: Grant, spec: ServerSpec) -> Grant | None:
        """Renewed; as it is while it still counts and cannot be renewed now."""
        is_over = grant.is_over(self._clock.now())
        if grant.refresh_token is None:
            return None if is_over else grant
        try:
            return await self._renewals.renewed(grant, spec)
        except ToolError:
            if is_over:
                raise
            return grant

    async def challenged(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge) -> bool:
        wanted = wanted_by(challenge)
        grant = await self._book.read(spec.key, caller.account_id)
        if grant is None or grant.terms.server_url != spec.url:
            return False
        if challenge.status == 403 and wanted.error == "insufficient_scope":
            await self._remember_wanted(grant, wanted.scope)
            return False
        if challenge.status != 401 or wanted.error not in (None, "invalid_token"):
            return False
        if self._clock.now() - grant.renewed_at < YOUNG:
            return True
        return grant.refresh_token is not None and await self._renewals.renewed(grant, spec) is not None

    async def _remember_wanted(self, grant: Grant, scope: str | None) -> None:
        """The next sign-in asks for all of it, even if it is begun elsewhere, without the challenge."""
        if scope is not None:
            wanted = union_of(grant.scope, grant.wanted_scope, scope)
            await self._db.write(lambda tx: queries.want(tx, grant.id, wanted))
            self._book.forget(grant.terms.server_key, grant.account_id)

    async def sign_in(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge | None) -> Asked:
        begun = await self._sign_ins.begin(spec, caller.account_id, challenge)
        text = f"Sign in at {begun.host} to let {spec.name} be used in your name."
        return Asked(kind="signin", text=text, key=_key(spec, challenge, begun.scope), url=begun.url)


def _key(spec: ServerSpec, challenge: Challenge | None, scope: str | None) -> str:
    """Asking for more than before is another question than asking for a sign-in at all."""
    if challenge is None or wanted_by(challenge).error != "insufficient_scope":
        return f"signin:{spec.key}"
    return f"signin:{spec.key}:{hashlib.sha256((scope or '').encode()).hexdigest()[:16]}"
