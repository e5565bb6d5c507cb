"""A house with a directory of tool servers, and a browser that follows links to sign-ins."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
from dishka import AsyncContainer, Provider, Scope

from parlor.accounts import Application, SignUp
from parlor.testing import OpenHouse
from parlor.tools.mcp.oauth.sign_ins import ComeBack, ServerSignIns
from parlor.tools.mcp.ports import Authorizer, ServerDirectory
from parlor.tools.mcp.specs import Challenge, ServerSpec
from parlor.tools.ports import ToolCaller
from tests.support.clients import http_client
from tests.support.house_fixtures import open_served
from tests.support.mcp.oauth_server import OAuthServer, run_oauth_server

__all__ = ["open_served"]

REFUSED = Challenge(401, "Bearer")
ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"])
"""For what both engines do alike by what other tests show: opening a house on each costs half a second."""
SETTINGS: dict[str, Any] = {"auth.argon2_memory_kib": 8, "auth.argon2_time_cost": 1, "outbound.allow": ["127.0.0.1"], "log.level": "error"}


@pytest.fixture(scope="module")
def _running() -> Iterator[OAuthServer]:
    with run_oauth_server() as server:
        yield server


@pytest.fixture
def server(_running: OAuthServer) -> OAuthServer:
    """As new, at the port that all tests of a file share."""
    fresh = OAuthServer(_running.port)
    _running.__dict__.update(fresh.__dict__)
    return _running


@dataclass
class Servers:
    """The directory, as a test fills it."""

    specs: dict[str, ServerSpec] = field(default_factory=dict[str, ServerSpec])

    async def find(self, name: str, caller: ToolCaller) -> ServerSpec | None:
        return self.specs.get(name)


@pytest.fixture
def servers(server: OAuthServer) -> Servers:
    return Servers({"notes": spec_of(server)})


@pytest.fixture
def directory(servers: Servers) -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: servers, provides=ServerDirectory)
    return provider


OpenTools = Callable[..., AbstractAsyncContextManager[AsyncContainer]]


@pytest.fixture
def open_tools(parlor_house: OpenHouse, database_url: str, directory: Provider) -> OpenTools:
    """The whole house, on the test's database: it may be opened twice."""

    def open_it(**settings: Any) -> AbstractAsyncContextManager[AsyncContainer]:
        return parlor_house(settings={**SETTINGS, "database.url": database_url, **settings}, overrides=[directory])

    return open_it


@pytest.fixture
async def house(open_tools: OpenTools) -> AsyncIterator[AsyncContainer]:
    async with open_tools() as container:
        yield container


@pytest.fixture
async def ann(house: AsyncContainer) -> ToolCaller:
    return await new_caller(house)


@pytest.fixture
async def visitor() -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client() as client:
        yield client


def spec_of(server: OAuthServer, **more: Any) -> ServerSpec:
    plain: dict[str, Any] = {"key": "notes", "name": "notes", "transport": "http", "origin": "config", "url": server.url, "is_trusted": True}
    return ServerSpec(**{**plain, "uses_sign_in": True, **more})


async def new_caller(house: AsyncContainer, email: str = "ann@example.com") -> ToolCaller:
    account = await (await house.get(SignUp)).create(Application(email=email, password="a quiet river in may"))
    return ToolCaller(account.id)


async def come_back(visitor: httpx2.AsyncClient, url: str | None) -> ComeBack:
    """What the authorization server sends the browser back with."""
    assert url is not None
    answer = await visitor.get(url, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    said = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    return ComeBack(said.get("state", ""), said.get("code"), said.get("error"), said.get("iss"))


async def sign_in(
    house: AsyncContainer, visitor: httpx2.AsyncClient, spec: ServerSpec, caller: ToolCaller, challenge: Challenge | None = REFUSED, **more: UUID
) -> str:
    """The whole way; returns the key of the server."""
    asked = await (await house.get(Authorizer)).sign_in(spec, caller, challenge)
    return await (await house.get(ServerSignIns)).finish(await come_back(visitor, asked.url), **more)
