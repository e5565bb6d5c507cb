"""Tokens are renewed once, however many calls and replicas want it: the authorization server ends a grant whose refresh token comes twice."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
import pytest
from dishka import AsyncContainer
from sqlalchemy import bindparam, update
from starlette.responses import JSONResponse, Response

from parlor.core.db import Database, Transaction, UtcTime, statement
from parlor.tools import ToolError
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.book import GrantBook
from parlor.tools.mcp.oauth.grants import Grants
from parlor.tools.mcp.oauth.jobs import GrantPruning
from parlor.tools.mcp.oauth.renewals import Renewals
from parlor.tools.mcp.oauth.tables import ToolGrantRow
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.mcp.specs import Challenge, OAuthClient
from parlor.tools.ports import ToolCaller
from tests.support.mcp.oauth_server import WAIT_SECONDS, OAuthServer
from tests.tools.mcp.oauth.conftest import ON_SQLITE, OpenTools, new_caller, sign_in, spec_of

CALLS = 50
INVALID = Challenge(401, 'Bearer error="invalid_token"')

_shift = statement(
    update(ToolGrantRow).values(
        expires_at=bindparam("expires_at", type_=UtcTime()), renewed_at=bindparam("renewed_at", type_=UtcTime()), epoch=ToolGrantRow.epoch + 1
    )
)


async def let_expire(house: AsyncContainer, ann: ToolCaller, *, in_seconds: float = -1) -> None:
    """As if it had been given an hour ago and ended now, or soon."""

    def shift(tx: Transaction) -> None:
        tx.run(_shift, expires_at=tx.now() + timedelta(seconds=in_seconds), renewed_at=tx.now() - timedelta(hours=1))

    await (await house.get(Database)).write(shift)
    (await house.get(GrantBook)).forget("notes", ann.account_id)


@pytest.fixture
async def signed_in(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> Authorizer:
    await sign_in(house, visitor, spec_of(server), ann)
    await let_expire(house, ann)
    return await house.get(Authorizer)


async def test_fifty_calls_with_an_expired_token_renew_it_once(signed_in: Authorizer, server: OAuthServer, ann: ToolCaller) -> None:
    given = await asyncio.gather(*(signed_in.authorization(spec_of(server), ann) for _ in range(CALLS)))
    assert server.renewals == 1
    assert len(set(given)) == 1
    assert server.is_good(given[0])


async def test_fifty_calls_on_two_replicas_renew_it_once(
    open_tools: OpenTools, house: AsyncContainer, signed_in: Authorizer, server: OAuthServer, ann: ToolCaller
) -> None:
    """The second replica asks while the first one waits for the answer: the row's lease keeps it from asking too."""
    server.holds_renewals = threading.Event()
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(open_tools())
        replicas = [signed_in, await other.get(Authorizer)]
        assert await other.get(Database) is not await house.get(Database)
        calls = [asyncio.create_task(replicas[number % 2].authorization(spec_of(server), ann)) for number in range(CALLS)]
        await asyncio.to_thread(server.renewal_came.wait, WAIT_SECONDS)
        server.holds_renewals.set()
        given = await asyncio.gather(*calls)
    assert server.renewals == 1
    assert len(set(given)) == 1
    assert server.is_good(given[0])


async def test_fifty_refused_calls_renew_it_once(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    await let_expire(house, ann, in_seconds=3000)
    server.end_access()
    assert not server.is_good(await signed_in.authorization(spec_of(server), ann))
    assert await asyncio.gather(*(signed_in.challenged(spec_of(server), ann, INVALID) for _ in range(CALLS))) == [True] * CALLS
    assert await signed_in.challenged(spec_of(server), ann, INVALID), "of a call that was sent before, and refused after"
    assert server.renewals == 1
    assert server.is_good(await signed_in.authorization(spec_of(server), ann))


@ON_SQLITE
async def test_who_stops_waiting_does_not_lose_the_new_tokens(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    server.holds_renewals = threading.Event()
    call = asyncio.create_task(signed_in.authorization(spec_of(server), ann))
    await asyncio.to_thread(server.renewal_came.wait, WAIT_SECONDS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    server.holds_renewals.set()
    await (await house.get(Renewals)).close()
    assert server.is_good(await signed_in.authorization(spec_of(server), ann))
    assert server.renewals == 1


@ON_SQLITE
async def test_tokens_rotate_as_often_as_needed(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    for _ in range(3):
        assert server.is_good(await signed_in.authorization(spec_of(server), ann))
        await let_expire(house, ann)
    assert server.renewals == 3
    assert not server.issued[0].is_over


@ON_SQLITE
async def test_a_refresh_token_that_does_not_rotate_is_used_again(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    server.trouble.token = {"refresh_token": None, "scope": None}
    server.issued[0].scope = ""
    await signed_in.authorization(spec_of(server), ann)
    grant = await (await house.get(GrantBook)).read("notes", ann.account_id)
    assert grant is not None
    assert grant.refresh_token in server.issued[0].used


async def test_a_revoked_grant_is_forgotten_and_asks_for_a_sign_in(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    server.issued[0].is_over = True
    given = await asyncio.gather(*(signed_in.authorization(spec_of(server), ann) for _ in range(CALLS)))
    assert given == [None] * CALLS
    assert server.renewals == 1
    assert await (await house.get(Grants)).list(ann.account_id, most=5) == []
    assert not await signed_in.challenged(spec_of(server), ann, INVALID)


@ON_SQLITE
@pytest.mark.parametrize(
    "answer", [JSONResponse({"error": "temporarily_unavailable"}, 503), Response(status_code=302, headers={"Location": "/token"}), Response("x")]
)
async def test_a_server_that_fails_for_a_while_loses_no_grant(
    signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller, answer: Response
) -> None:
    server.trouble.answers["/token"] = answer
    with pytest.raises(ToolError):
        await signed_in.authorization(spec_of(server), ann)
    await let_expire(house, ann, in_seconds=30)
    assert await signed_in.authorization(spec_of(server), ann) is not None, "it still counts for half a minute"
    server.heal()
    await let_expire(house, ann)
    assert server.is_good(await signed_in.authorization(spec_of(server), ann))


@ON_SQLITE
async def test_a_wrong_secret_of_the_operator_signs_nobody_out(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    redirect_uri = "http://127.0.0.1:8000/api/v1/mcp/oauth/callback"
    client = {"client_id": "agreed", "client_secret": "cs_one", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "client_secret_basic"}
    server.registered["agreed"] = client
    await sign_in(house, visitor, spec_of(server, oauth=OAuthClient("agreed", "cs_one")), ann)
    await let_expire(house, ann)
    client["client_secret"] = "cs_two"
    authorizer = await house.get(Authorizer)
    with pytest.raises(ToolError, match="invalid_client"):
        await authorizer.authorization(spec_of(server, oauth=OAuthClient("agreed", "cs_one")), ann)
    assert server.is_good(await authorizer.authorization(spec_of(server, oauth=OAuthClient("agreed", "cs_two")), ann))


async def test_without_a_refresh_token_the_end_is_the_end(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    server.gives_refresh_tokens = False
    await sign_in(house, visitor, spec_of(server), ann)
    authorizer = await house.get(Authorizer)
    await let_expire(house, ann, in_seconds=30)
    assert server.is_good(await authorizer.authorization(spec_of(server), ann))
    await let_expire(house, ann)
    assert await authorizer.authorization(spec_of(server), ann) is None
    assert not await authorizer.challenged(spec_of(server), ann, INVALID)
    await let_expire(house, ann, in_seconds=-86_500)
    await (await house.get(GrantPruning)).run({})
    assert await (await house.get(Grants)).list(ann.account_id, most=5) == []


async def test_a_lease_whose_holder_died_is_taken_over(signed_in: Authorizer, house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    db, book = await house.get(Database), await house.get(GrantBook)
    grant = await book.read("notes", ann.account_id)
    assert grant is not None

    def leases(tx: Transaction) -> Sequence[bool]:
        free = queries.claim(tx, grant.id, grant.epoch, tx.now() - timedelta(seconds=1))
        return free, queries.claim(tx, grant.id, grant.epoch, tx.now() + timedelta(hours=1)), queries.claim(tx, grant.id, grant.epoch, tx.now())

    assert await db.write(leases) == (True, True, False)
    await db.write(lambda tx: queries.release(tx, grant.id, grant.epoch))
    assert server.is_good(await signed_in.authorization(spec_of(server), ann))


@ON_SQLITE
async def test_what_was_sealed_with_another_secret_asks_for_a_sign_in(open_tools: OpenTools, server: OAuthServer, visitor: httpx2.AsyncClient) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz-"
    async with open_tools(**{"auth.secret_key": secret + "A"}) as house:
        ann = await new_caller(house)
        await sign_in(house, visitor, spec_of(server), ann)
    async with open_tools(**{"auth.secret_key": secret + "B"}) as house:
        authorizer = await house.get(Authorizer)
        assert await authorizer.authorization(spec_of(server), ann) is None
        await sign_in(house, visitor, spec_of(server), ann)
        assert server.is_good(await authorizer.authorization(spec_of(server), ann))
    assert server.count("/register") == 2, "the sealed client secret cannot be read either"
