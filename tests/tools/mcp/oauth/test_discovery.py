"""What servers say of their sign-in is believed in nothing: wrong issuers, private addresses, plain http, redirects, floods (SEC-17, SEC-25)."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from parlor.core.outbound import Outbound, OutboundSettings
from parlor.core.settings import RootSettings
from parlor.tools import ToolError
from parlor.tools.mcp.oauth.challenge import Wanted, wanted_by
from parlor.tools.mcp.oauth.discovery import Authority, Discovery
from parlor.tools.mcp.oauth.errors import SignInUnreachable, SignInUnusable
from parlor.tools.mcp.oauth.reach import MOST_BYTES, Reaches
from parlor.tools.mcp.specs import Challenge, OAuthClient
from tests.support.mcp.oauth_server import METADATA_PATH, RESOURCE_PATH, OAuthServer, run_oauth_server
from tests.tools.mcp.oauth.conftest import spec_of

ROOT_RESOURCE_PATH = "/.well-known/oauth-protected-resource"


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    door = Outbound(OutboundSettings())
    yield door
    await door.close()


@pytest.fixture
def discovery(outbound: Outbound) -> Discovery:
    return Discovery(Reaches(outbound, RootSettings()))


@pytest.fixture(scope="module")
def canary() -> Iterator[OAuthServer]:
    """Nobody may ever be led here."""
    with run_oauth_server() as server:
        yield server
    assert server.asked == []


async def found(discovery: Discovery, server: OAuthServer, header: str = "Bearer", **spec: Any) -> Authority:
    return await discovery.authority(spec_of(server, **spec), wanted_by(Challenge(401, header)))


async def test_a_challenge_says_where_to_look_first(discovery: Discovery, server: OAuthServer) -> None:
    authority = await found(discovery, server, server.challenge)
    assert [path for path, _ in server.asked] == [RESOURCE_PATH, METADATA_PATH]
    assert (authority.issuer, authority.resource) == (server.issuer, server.url)
    assert authority.token_endpoint == f"{server.issuer}/token"
    await found(discovery, server, server.challenge)
    assert len(server.asked) == 2, "it is kept"


async def test_without_a_challenge_the_usual_places_are_tried_in_order(discovery: Discovery, server: OAuthServer) -> None:
    server.trouble.answers[RESOURCE_PATH] = Response("<html>", status_code=200)
    server.trouble.answers[ROOT_RESOURCE_PATH] = JSONResponse({"resource": server.issuer, "authorization_servers": [f"{server.issuer}/tenant"]})
    with pytest.raises(SignInUnusable, match="does not describe itself"):
        await found(discovery, server)
    assert [path for path, _ in server.asked] == [
        RESOURCE_PATH,
        ROOT_RESOURCE_PATH,
        f"{METADATA_PATH}/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ]


async def test_a_server_of_before_signs_people_in_itself(discovery: Discovery, server: OAuthServer) -> None:
    """2025-03-26: no metadata of the resource, and perhaps none at all."""
    server.trouble.answers[RESOURCE_PATH] = Response(status_code=404)
    authority = await found(discovery, server)
    assert (authority.issuer, authority.resource, authority.revocation_endpoint) == (server.issuer, None, f"{server.issuer}/revoke")
    server.trouble.answers[METADATA_PATH] = Response(status_code=404)
    authority = await found(discovery, server, 'Bearer resource_metadata=""', url=f"{server.issuer}/mcp?another")
    assert (authority.authorization_endpoint, authority.registration_endpoint) == (f"{server.issuer}/authorize", f"{server.issuer}/register")


async def test_a_server_of_before_speaks_for_its_own_origin_alone(discovery: Discovery, server: OAuthServer) -> None:
    server.trouble.answers[RESOURCE_PATH] = Response(status_code=404)
    server.trouble.metadata = {"issuer": "https://login.example.com"}
    with pytest.raises(SignInUnusable, match="another issuer's"):
        await found(discovery, server)
    server.trouble.metadata = {"issuer": f"{server.issuer}/oauth"}
    assert (await found(discovery, server)).issuer == f"{server.issuer}/oauth"


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.parametrize("path", [RESOURCE_PATH, METADATA_PATH])
async def test_an_error_of_a_server_does_not_lead_to_the_ways_of_before(discovery: Discovery, server: OAuthServer, path: str, status: int) -> None:
    server.trouble.answers[path] = Response(status_code=status)
    with pytest.raises(SignInUnreachable):
        await found(discovery, server)
    server.heal()
    assert (await found(discovery, server)).issuer == server.issuer, "a failure is not kept"


@pytest.mark.parametrize(
    ("resource", "metadata"),
    [
        ({"resource": "https://elsewhere.example.com/mcp"}, {}),
        ({"resource": "http://127.0.0.1:1/mcp"}, {}),
        ({}, {"issuer": "https://elsewhere.example.com"}),
        ({}, {"issuer": "{issuer}/"}),
        ({}, {"issuer": "{ISSUER}"}),
        ({}, {"code_challenge_methods_supported": None}),
        ({}, {"code_challenge_methods_supported": ["plain"]}),
        ({}, {"token_endpoint": "http://tools.example.com/token"}),
        ({}, {"token_endpoint": "https://10.0.0.1/token"}),
        ({}, {"token_endpoint": "https://[::ffff:169.254.169.254]/token"}),
        ({}, {"token_endpoint": "https://2852039166/token"}),
        ({}, {"token_endpoint": "https://user:secret@tools.example.com/token"}),
        ({}, {"token_endpoint": "https://tools.example.com/" + "x" * 3000}),
        ({}, {"registration_endpoint": "http://127.0.0.1:1/register"}),
        ({}, {"revocation_endpoint": "https://127.0.0.1:1/revoke"}),
        ({}, {"authorization_endpoint": "http://tools.example.com/authorize"}),
        ({}, {"authorization_endpoint": "https://192.168.1.1/authorize"}),
        ({"authorization_servers": ["https://169.254.169.254/latest"]}, {}),
        ({"authorization_servers": ["http://tools.example.com"]}, {}),
    ],
)
async def test_what_must_not_be_used_is_not(discovery: Discovery, server: OAuthServer, resource: dict[str, Any], metadata: dict[str, Any]) -> None:
    filled = json.loads(json.dumps(metadata).replace("{issuer}", server.issuer).replace("{ISSUER}", server.issuer.replace("http", "HTTP") + "/x"))
    server.trouble.resource, server.trouble.metadata = resource, filled
    with pytest.raises(SignInUnusable):
        await found(discovery, server)


@pytest.mark.parametrize("endpoint", ["javascript:alert(1)", "file:///etc/passwd", "", "/authorize", "https://"])
async def test_what_is_no_address_of_the_web_makes_metadata_none(discovery: Discovery, server: OAuthServer, endpoint: str) -> None:
    server.trouble.metadata = {"authorization_endpoint": endpoint}
    with pytest.raises(ToolError):
        await found(discovery, server)


async def test_nobody_is_led_to_another_origin_of_this_machine(discovery: Discovery, server: OAuthServer, canary: OAuthServer) -> None:
    """The operator trusts the origin of the server, and not what stands beside it."""
    with pytest.raises(SignInUnusable, match="may not be called"):
        await found(discovery, server, f'Bearer resource_metadata="{canary.issuer}{RESOURCE_PATH}"')
    server.trouble.resource = {"authorization_servers": [canary.issuer]}
    with pytest.raises(SignInUnusable, match="may not be called"):
        await found(discovery, server)
    server.heal()
    server.trouble.answers[METADATA_PATH] = RedirectResponse(canary.issuer + METADATA_PATH, 302)
    with pytest.raises(SignInUnusable, match="does not describe itself"):
        await found(discovery, server)
    server.heal()
    server.trouble.answers[RESOURCE_PATH] = RedirectResponse(canary.issuer + RESOURCE_PATH, 302)
    assert (await found(discovery, server)).issuer == server.issuer


async def test_a_flood_is_not_read(discovery: Discovery, server: OAuthServer) -> None:
    server.trouble.metadata = {"padding": "x" * MOST_BYTES}
    with pytest.raises(SignInUnreachable, match="larger than"):
        await found(discovery, server)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"resource": 1}', "\udcff", "null"])
async def test_garbage_is_no_metadata(discovery: Discovery, server: OAuthServer, body: str) -> None:
    server.trouble.answers[RESOURCE_PATH] = Response(body.encode(errors="surrogateescape"))
    assert (await found(discovery, server)).resource is None


async def test_a_server_that_a_user_added_gets_nowhere_near_this_machine(outbound: Outbound, server: OAuthServer) -> None:
    before = list(server.asked)
    for spec in (spec_of(server, is_trusted=False), spec_of(server, is_trusted=False, url=server.url.replace("http:", "https:"))):
        with pytest.raises(SignInUnusable):
            await Discovery(Reaches(outbound, RootSettings())).authority(spec, Wanted())
    assert server.asked == before


async def test_production_takes_no_plain_http(outbound: Outbound, server: OAuthServer) -> None:
    with pytest.raises(SignInUnusable, match="without https"):
        await Discovery(Reaches(outbound, RootSettings(environment="production"))).authority(spec_of(server), Wanted())
    assert server.asked == []


async def test_an_issuer_that_was_agreed_on_is_the_only_one(discovery: Discovery, server: OAuthServer) -> None:
    """A tool server that was taken over must not lead the operator's client, with its secret, to somebody else."""
    other = OAuthClient("agreed", "cs_agreed", issuer="https://login.example.com")
    with pytest.raises(SignInUnusable, match="configured"):
        await found(discovery, server, oauth=other)
    server.trouble.answers[RESOURCE_PATH] = Response(status_code=404)
    with pytest.raises(SignInUnusable, match="configured"):
        await found(discovery, server, oauth=other)
    server.heal()
    assert (await found(discovery, server, oauth=OAuthClient("agreed", "cs_agreed", issuer=server.issuer))).issuer == server.issuer


@pytest.mark.parametrize(
    ("challenged", "resource", "authority", "scope"),
    [
        (None, None, None, None),
        (None, None, ["everything"], None),
        (None, ["a", "b"], None, "a b"),
        ("c", ["a", "b"], None, "c"),
        ("c", None, ["offline_access"], "c offline_access"),
        (None, None, ["offline_access"], None),
    ],
)
async def test_as_little_is_asked_for_as_the_server_wants(
    discovery: Discovery, server: OAuthServer, challenged: str | None, resource: list[str] | None, authority: list[str] | None, scope: str | None
) -> None:
    server.trouble.resource, server.trouble.metadata = {"scopes_supported": resource}, {"scopes_supported": authority}
    wanted = Wanted(scope=challenged)
    assert (await discovery.authority(spec_of(server), wanted)).scope_for(wanted) == scope
