"""While the provider is down nobody is thrown out, and nobody waits long to learn that it is."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import AuthSettings
from parlor.accounts.issuer_checks import issuer_checks
from parlor.accounts.issuers import Issuers
from parlor.core.health import Status
from tests.accounts.conftest import PASSWORD, Build, Register, bearer, make_client
from tests.accounts.openid import sign_in, with_google, with_issuer
from tests.support.openid import OpenIdServer, run_openid_server


@pytest.fixture
def provider() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        yield server


@pytest.fixture
def container(build: Build, auth_settings: AuthSettings, provider: OpenIdServer) -> AsyncContainer:
    return build(with_google(with_issuer(auth_settings, provider), provider))


@pytest.fixture
async def client(container: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(container) as client:
        yield client


async def test_who_is_in_stays_in_and_passwords_work(client: httpx2.AsyncClient, container: AsyncContainer, provider: OpenIdServer, register: Register) -> None:
    session = await register()
    supabase = provider.token(aud="authenticated", azp=None, sub="2002", email=None)
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {supabase}"})).status_code == 200
    google = await sign_in(client, provider.token(sub="3003", email=None))
    provider.trouble.status = 502
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {supabase}"})).status_code == 200
    assert (await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD})).status_code == 200
    assert (await client.post("/auth/refresh", json={"refresh_token": google["refresh_token"]})).status_code == 200
    await sign_in(client, provider.token(sub="4004", email=None))
    started = await client.get("/auth/google/start")
    assert started.status_code == 302
    [check] = issuer_checks(await container.get(Issuers))
    assert (await check.look()).status is Status.OK


async def test_what_needs_it_says_when_to_come_again(client: httpx2.AsyncClient, container: AsyncContainer, provider: OpenIdServer) -> None:
    provider.trouble.status = 500
    for answer in (
        await client.post("/auth/google", json={"id_token": provider.token()}),
        await client.get("/auth/google/start"),
        await client.get("/auth/me", headers={"Authorization": f"Bearer {provider.token(aud='authenticated')}"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "auth.provider_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    [check] = issuer_checks(await container.get(Issuers))
    health = await check.look()
    assert health.status is Status.DEGRADED
    assert "500" in (health.last_error or "")
    assert set(health.details) == {"google", provider.issuer}


async def test_without_providers_it_is_off(build: Build, auth_settings: AuthSettings) -> None:
    [check] = issuer_checks(await build(auth_settings).get(Issuers))
    assert (await check.look()).status is Status.OFF
