"""From the question to the grant: a browser goes and comes back, on whichever replica, once."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from dishka import AsyncContainer
from msgspec.structs import replace
from sqlalchemy import bindparam, update

from parlor.accounts import Administration
from parlor.core.db import Database, Transaction, UtcTime, statement
from parlor.core.ids import new_id
from parlor.tools.mcp.oauth import queries
from parlor.tools.mcp.oauth.errors import SignInRefused
from parlor.tools.mcp.oauth.grants import Grants
from parlor.tools.mcp.oauth.jobs import GrantPruning
from parlor.tools.mcp.oauth.sign_ins import MOST_WAITING, ComeBack, ServerSignIns
from parlor.tools.mcp.oauth.tables import ToolSignInRow
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.mcp.specs import Challenge, OAuthClient
from parlor.tools.ports import ToolCaller
from tests.support.mcp.oauth_server import OAuthServer
from tests.tools.mcp.oauth.conftest import ON_SQLITE, REFUSED, OpenTools, come_back, new_caller, sign_in, spec_of

CALLBACK = "http://127.0.0.1:8000/api/v1/mcp/oauth/callback"


async def test_a_person_signs_in_and_calls_are_made_with_their_grant(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    spec, authorizer = spec_of(server), await house.get(Authorizer)
    assert await authorizer.authorization(spec, ann) is None
    asked = await authorizer.sign_in(spec, ann, Challenge(401, server.challenge))
    assert (asked.kind, asked.key) == ("signin", "signin:notes")
    assert asked.text == "Sign in at 127.0.0.1 to let notes be used in your name."
    assert asked.url is not None
    said = parse_qs(urlsplit(asked.url).query)
    assert said["resource"] == [server.url]
    assert said["redirect_uri"] == [CALLBACK]
    assert said["code_challenge_method"] == ["S256"]
    assert await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url)) == "notes"
    authorization = await authorizer.authorization(spec, ann)
    assert server.is_good(authorization)
    answer = await visitor.post(server.url, headers={"Authorization": authorization or ""})
    assert answer.status_code == 200
    assert await authorizer.authorization(spec, await new_caller(house, "bob@example.com")) is None


async def test_a_restart_between_question_and_answer_changes_nothing(open_tools: OpenTools, server: OAuthServer, visitor: httpx2.AsyncClient) -> None:
    spec = spec_of(server)
    async with open_tools() as house:
        ann = await new_caller(house)
        asked = await (await house.get(Authorizer)).sign_in(spec, ann, REFUSED)
    async with open_tools() as house:
        await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url))
    async with open_tools() as house:
        assert server.is_good(await (await house.get(Authorizer)).authorization(spec, ann))
    assert server.count("/register") == 1


async def test_a_state_works_once(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    sign_ins = await house.get(ServerSignIns)
    begun = await sign_ins.begin(spec_of(server), ann.account_id, None)
    came = await come_back(visitor, begun.url)
    await sign_ins.finish(came)
    for again in (came, ComeBack("never given"), ComeBack(""), ComeBack("\udc80")):
        with pytest.raises(SignInRefused, match="not known here"):
            await sign_ins.finish(again)
    assert server.count("/token") == 1


@ON_SQLITE
async def test_a_browser_of_another_account_finishes_nothing(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    with pytest.raises(SignInRefused, match="another account"):
        await sign_in(house, visitor, spec_of(server), ann, signed_in_as=new_id())
    assert server.count("/token") == 0
    assert await sign_in(house, visitor, spec_of(server), ann, signed_in_as=ann.account_id) == "notes"


@ON_SQLITE
@pytest.mark.parametrize("iss", ["https://elsewhere.example.com", None])
async def test_an_answer_of_another_issuer_is_not_looked_at(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient, iss: str | None
) -> None:
    server.trouble.back = {"iss": iss}
    with pytest.raises(SignInRefused, match="somebody else"):
        await sign_in(house, visitor, spec_of(server), ann)
    assert server.count("/token") == 0


@ON_SQLITE
async def test_an_issuer_that_promised_nothing_may_be_silent(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    server.trouble.back = {"iss": None}
    server.trouble.metadata = {"authorization_response_iss_parameter_supported": None}
    assert await sign_in(house, visitor, spec_of(server), ann) == "notes"


@ON_SQLITE
async def test_a_refusal_keeps_nothing(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    server.trouble.back = {"code": None, "error": "access_denied"}
    with pytest.raises(SignInRefused, match="refused there"):
        await sign_in(house, visitor, spec_of(server), ann)
    server.trouble.back, server.trouble.codes_are_old = {}, True
    with pytest.raises(SignInRefused, match="did not accept"):
        await sign_in(house, visitor, spec_of(server), ann)
    assert await (await house.get(Authorizer)).authorization(spec_of(server), ann) is None


@ON_SQLITE
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_client_shows_itself_as_it_is_registered(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient, method: str
) -> None:
    server.auth_methods = (method,)
    assert await sign_in(house, visitor, spec_of(server), ann) == "notes"
    assert [client["token_endpoint_auth_method"] for client in server.registered.values()] == [method]


@ON_SQLITE
async def test_a_client_that_was_agreed_on_is_used_and_none_is_registered(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    server.registered["agreed"] = {
        "client_id": "agreed", "client_secret": "cs_agreed", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic",
    }  # fmt: skip
    spec = spec_of(server, oauth=OAuthClient("agreed", "cs_agreed", ("notes:read", "notes:write"), issuer=server.issuer))
    assert await sign_in(house, visitor, spec, ann, Challenge(401, 'Bearer scope="everything"')) == "notes"
    assert server.issued[0].scope == "notes:read notes:write"
    assert server.count("/register") == 0
    assert "cs_agreed" not in repr(spec)


async def test_a_client_is_registered_once_for_all_accounts(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    await sign_in(house, visitor, spec_of(server), ann)
    await sign_in(house, visitor, spec_of(server), await new_caller(house, "bob@example.com"))
    assert server.count("/register") == 1
    assert len(server.issued) == 2


async def test_a_client_that_the_server_has_forgotten_is_registered_anew(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    sign_ins = await house.get(ServerSignIns)
    came = await come_back(visitor, (await sign_ins.begin(spec_of(server), ann.account_id, None)).url)
    server.registered.clear()
    with pytest.raises(SignInRefused, match="did not accept"):
        await sign_ins.finish(came)
    assert await sign_in(house, visitor, spec_of(server), ann) == "notes"
    assert server.count("/register") == 2


async def test_asking_for_more_asks_for_all(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    spec, authorizer = spec_of(server), await house.get(Authorizer)
    first = await authorizer.sign_in(spec, ann, Challenge(401, 'Bearer scope="notes:read"'))
    await (await house.get(ServerSignIns)).finish(await come_back(visitor, first.url))
    more = Challenge(403, 'Bearer error="insufficient_scope", scope="notes:write"')
    assert not await authorizer.challenged(spec, ann, more)
    asked = await authorizer.sign_in(spec, ann, more)
    assert asked.key != first.key
    # from the front end, without the challenge: the server's wish is remembered
    begun = await (await house.get(ServerSignIns)).begin(spec, ann.account_id, None)
    assert begun.scope == "notes:read notes:write"
    await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url))
    assert server.issued[-1].scope == "notes:read notes:write"


@ON_SQLITE
async def test_a_grant_for_another_address_of_that_name_is_none(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    """Whoever changes where a server is must not get the tokens of those who had signed in at the old place."""
    await sign_in(house, visitor, spec_of(server), ann)
    authorizer, moved = await house.get(Authorizer), replace(spec_of(server), url="https://elsewhere.example.com/mcp")
    assert await authorizer.authorization(moved, ann) is None
    assert not await authorizer.challenged(moved, ann, Challenge(401, 'Bearer error="invalid_token"'))
    assert server.renewals == 0


@ON_SQLITE
async def test_a_suspended_account_gets_no_grant(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    begun = await (await house.get(ServerSignIns)).begin(spec_of(server), ann.account_id, None)
    came = await come_back(visitor, begun.url)
    await (await house.get(Administration)).change(ann.account_id, status="suspended")
    with pytest.raises(SignInRefused, match="cannot be used any more"):
        await (await house.get(ServerSignIns)).finish(came)
    assert await (await house.get(Grants)).list(ann.account_id, most=5) == []


async def test_an_account_has_the_newest_sign_ins_and_no_others(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    sign_ins, db = await house.get(ServerSignIns), await house.get(Database)
    urls = [(await sign_ins.begin(spec_of(server), ann.account_id, None)).url for _ in range(MOST_WAITING + 1)]
    assert len(await db.read(lambda tx: queries.list_sign_ins(tx, ann.account_id))) == MOST_WAITING
    with pytest.raises(SignInRefused):
        await sign_ins.finish(await come_back(visitor, urls[0]))
    assert await sign_ins.finish(await come_back(visitor, urls[-1])) == "notes"


async def test_what_nobody_came_back_from_is_cleaned_up(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    sign_ins, db = await house.get(ServerSignIns), await house.get(Database)
    for _ in range(2):
        await sign_ins.begin(spec_of(server), ann.account_id, None)
    came = await come_back(visitor, (await sign_ins.begin(spec_of(server), ann.account_id, None)).url)
    await db.write(_let_expire)
    with pytest.raises(SignInRefused, match="waited too long"):
        await sign_ins.finish(came)
    await (await house.get(GrantPruning)).run({})
    assert await db.read(lambda tx: queries.list_sign_ins(tx, ann.account_id)) == []


def _let_expire(tx: Transaction) -> None:
    tx.run(statement(update(ToolSignInRow).values(expires_at=bindparam("at", type_=UtcTime()))), at=tx.now() - timedelta(seconds=1))
