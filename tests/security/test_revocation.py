"""SEC-40: what ends access ends it here at once and in every other process soon, on either engine and with nothing beside the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.security.site import Member, Site, claims_of
from tests.support.chat import PASSWORD, client_of
from tests.support.server import ParlorServer, parlor_server

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

BOUND_SECONDS = 5.0
"""Of what any process may remember; `standing_cache_seconds` cannot be set above it."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ParlorServer]:
    """Another process on the same database, with a memory of its own."""
    folder: Path = tmp_path_factory.mktemp("second")
    async with parlor_server(folder, site.database_url, site.fake.base_url, PARLOR_AUTH__STANDING_CACHE_SECONDS="2") as server:
        yield server


async def log_out(site: Site, member: Member) -> None:
    await site.admin_or_nobody.post("/auth/logout", json={"refresh_token": member.refresh_token})


async def change_the_password(site: Site, member: Member) -> None:
    await member.client.post("/auth/password", json={"current_password": PASSWORD, "new_password": "another quiet river"})


async def suspend(site: Site, member: Member) -> None:
    await site.change_user(member.id, status="suspended")


async def promote(site: Site, member: Member) -> None:
    await site.change_user(member.id, role="admin")


async def end_the_device(site: Site, member: Member) -> None:
    other = await site.sign_in(member.email)
    await other.client.delete(f"/auth/sessions/{claims_of(member.access_token)['sid']}")


async def end_all_devices(site: Site, member: Member) -> None:
    await member.client.delete("/auth/sessions?all=true")


async def revoke_the_keys(site: Site, member: Member) -> None:
    for key in (await member.client.get("/api-keys")).json()["items"]:
        await member.client.delete(f"/api-keys/{key['id']}")


Change = Callable[[Site, Member], Awaitable[None]]


async def until_refused(client: httpx2.AsyncClient) -> int:
    """How often it was still let in before."""
    answered = 0
    async with asyncio.timeout(BOUND_SECONDS):
        while (await client.get("/auth/me")).status_code == 200:
            answered += 1
            await asyncio.sleep(0.05)  # another process: there is no event to wait for
    return answered


@pytest.mark.parametrize(
    ("change", "of_key"),
    [
        *[(each, False) for each in (log_out, change_the_password, suspend, promote, end_the_device, end_all_devices)],
        *[(each, True) for each in (revoke_the_keys, suspend)],
    ],
)
async def test_what_ends_access_ends_it_everywhere(site: Site, second: ParlorServer, change: Change, of_key: bool) -> None:
    member = await site.sign_up()
    credential = (await site.api_key(member))["key"] if of_key else member.access_token
    async with client_of(site.url, credential) as here, client_of(second.base_url, credential) as there:
        for each in (here, there):
            assert (await each.get("/auth/me")).status_code == 200
        await change(site, member)
        assert (await here.get("/auth/me")).status_code in (401, 403)
        await until_refused(there)
        assert (await there.get("/auth/me")).status_code in (401, 403)
    if not of_key:
        refresh = {"refresh_token": member.refresh_token}
        async with client_of(second.base_url) as nobody:
            assert (await nobody.post("/auth/refresh", json=refresh)).status_code == 401
