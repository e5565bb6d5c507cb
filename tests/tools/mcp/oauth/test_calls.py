"""Calls over real connections: each user with their own grant, asked for a sign-in when there is none, and never twice for the same."""

from uuid import UUID

import httpx2
import pytest
from dishka import AsyncContainer
from starlette.responses import Response

from parlor.tools import ToolError
from parlor.tools.mcp.oauth.sign_ins import ServerSignIns
from parlor.tools.mcp.ports import Connections
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, ToolCaller
from tests.support.mcp.oauth_server import OAuthServer
from tests.tools.mcp.oauth.conftest import ON_SQLITE, come_back, new_caller, sign_in, spec_of
from tests.tools.mcp.oauth.test_renewals import let_expire

pytestmark = ON_SQLITE


async def call(house: AsyncContainer, spec: ServerSpec, caller: ToolCaller, answers: dict[str, Answered] | None = None) -> object:
    return (await (await house.get(Connections)).call(spec, "whoami", {}, ExecutionContext(caller, "c1", answers=answers or {}))).result


async def asked_by(house: AsyncContainer, spec: ServerSpec, caller: ToolCaller) -> Asked:
    with pytest.raises(InputRequired) as required:
        await call(house, spec, caller)
    return required.value.asked


async def test_each_user_calls_with_their_own_grant(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    spec, bob = spec_of(server), await new_caller(house, "bob@example.com")
    asked = await asked_by(house, spec, ann)
    await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url))
    assert await call(house, spec, ann, {asked.key: Answered(is_accepted=True)}) == "grant 0"
    assert (await asked_by(house, spec, bob)).key == asked.key
    await sign_in(house, visitor, spec, bob)
    assert [await call(house, spec, each) for each in (bob, ann, bob)] == ["grant 1", "grant 0", "grant 1"]


async def test_a_token_that_the_server_refuses_is_renewed_and_the_call_repeated(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    spec = spec_of(server)
    await sign_in(house, visitor, spec, ann)
    assert await call(house, spec, ann) == "grant 0"
    await let_expire(house, ann, in_seconds=3000)
    server.end_access()
    assert await call(house, spec, ann) == "grant 0"
    assert (server.renewals, server.calls) == (1, 2)


async def test_a_call_that_needs_more_asks_for_it_once(house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient) -> None:
    spec = spec_of(server)
    await sign_in(house, visitor, spec, ann)
    server.needed_scope = "notes:write"
    asked = await asked_by(house, spec, ann)
    assert asked.url is not None
    with pytest.raises(ToolError, match="still refuses"):
        await call(house, spec, ann, {asked.key: Answered(is_accepted=True)})
    with pytest.raises(ToolError, match="was not signed in at by the user"):
        await call(house, spec, ann, {asked.key: Answered(is_accepted=False)})
    await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url))
    assert await call(house, spec, ann, {asked.key: Answered(is_accepted=True)}) == "grant 1"


async def test_a_renewal_that_fails_is_the_calls_error_and_not_the_connections_end(
    house: AsyncContainer, server: OAuthServer, ann: ToolCaller, visitor: httpx2.AsyncClient
) -> None:
    spec, connections = spec_of(server), await house.get(Connections)
    await sign_in(house, visitor, spec, ann)
    assert await call(house, spec, ann) == "grant 0"
    await let_expire(house, ann)
    server.trouble.answers["/token"] = Response(status_code=503)
    with pytest.raises(ToolError, match="answers 503 now"):
        await call(house, spec, ann)
    assert connections.status(spec).state == "ready"
    server.heal()
    assert await call(house, spec, ann) == "grant 0"


async def test_a_server_whose_sign_in_cannot_be_used_says_why(house: AsyncContainer, server: OAuthServer, ann: ToolCaller) -> None:
    server.trouble.registers = False
    with pytest.raises(ToolError, match="an operator has to agree on a client_id"):
        await call(house, spec_of(server), ann)
    server.heal()
    operator = ToolCaller(UUID(int=0), is_unlimited=True)  # at the command line there is no account
    with pytest.raises(ToolError, match="nobody is calling"):
        await call(house, spec_of(server), operator)
