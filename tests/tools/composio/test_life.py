"""Connections over time: many calls at once, a server that dies, an account that is erased."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from parlor.accounts.erasure import Erasure
from parlor.accounts.exports import Exports
from parlor.core.collected import UserDataSources
from parlor.core.db import Database
from parlor.core.events import Events
from parlor.core.jobs import Jobs
from parlor.core.jobs import queries as job_queries
from parlor.tools.composio.auth_configs import AuthConfigs
from parlor.tools.composio.callbacks import Callbacks
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.connections import Connections, user_id_of
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.settings import ComposioSettings
from tests.support.chat import PASSWORD, Person, client_of
from tests.support.composio import API_KEY, ComposioServer, Trouble, listening
from tests.support.house_fixtures import OpenServed
from tests.support.server import parlor_server
from tests.support.servers import free_port
from tests.tools.composio.conftest import connect, finish, settings_for, until

CALLS = 500
AT_ONCE = 20


@pytest.mark.either_engine
async def test_five_hundred_calls_of_two_people_never_cross(open_served: OpenServed, composio: ComposioServer) -> None:
    """SEC-16: each answer has the canary of the caller's own connected account, also when both have the same toolkit twice."""
    house = await open_served(settings=settings_for(composio))
    people = [await house.person(), await house.person()]
    for person in (*people, *people):
        await connect(person, composio, "github")
    own = {person.id: {each.canary for each in composio.accounts.values() if each.user_id == user_id_of(UUID(person.id))} for person in people}
    assert [len(each) for each in own.values()] == [2, 2]
    places = asyncio.Semaphore(AT_ONCE)

    async def call(number: int) -> tuple[str, str, int]:
        person = people[number % 2]
        async with places:
            answer = await person.client.post("/composio/tools/GITHUB_CREATE_ISSUE/execute", json={"arguments": {"number": number}})
        result = answer.json()["result"]
        return person.id, result["canary"], result["echo"]["number"] - number

    done = await asyncio.gather(*(call(number) for number in range(CALLS)))
    assert [each for each in done if each[1] not in own[each[0]] or each[2] != 0] == []
    assert len(composio.executed) == CALLS
    newest = {each.user_id: each.id for each in composio.accounts.values()}
    assert {(account, user_id) for account, user_id, _, _ in composio.executed} == {(account, user_id) for user_id, account in newest.items()}


async def test_an_export_tells_of_connections_and_erasing_deletes_them_at_composio(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio))
    ann, bob = await house.person(), await house.person()
    for person, toolkit in ((ann, "github"), (ann, "gmail"), (bob, "github")):
        await connect(person, composio, toolkit)
    (source,) = [each for each in await house.get(UserDataSources) if each.name == "composio"]
    rows = [row async for row in (await source.export(UUID(ann.id)))["composio_connections"]]
    assert [(row["toolkit"], row["status"]) for row in rows] == [("gmail", "active"), ("github", "active")]
    assert b"composio_connections" in b"".join([piece async for piece in await (await house.get(Exports)).open(UUID(ann.id))])
    receipt = await (await house.get(Erasure)).erase(UUID(ann.id))
    assert (receipt.counts["composio"], receipt.erased_at is not None) == (2, True)
    assert {each.user_id for each in composio.accounts.values()} == {user_id_of(UUID(bob.id))}
    assert await source.erase(UUID(ann.id)) == 0


async def test_erasing_does_not_wait_for_a_composio_that_is_down(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    await connect(ann, composio, "github")
    composio.trouble = Trouble(status=500, where="/connected_accounts/")
    receipt = await (await house.get(Erasure)).erase(UUID(ann.id))
    assert (receipt.counts["composio"], receipt.erased_at is not None, len(composio.accounts)) == (1, True, 1)
    assert await (await house.get(Database)).read(lambda tx: [each.name for each in job_queries.naming(tx, ann.id) if each.name.startswith("composio")]) == []
    composio.heal()
    await until(lambda: composio.accounts == {})  # a job has it forgotten, once Composio is back


async def test_a_composio_that_is_away_for_a_while_ends_no_watch(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **{"tools.composio.watch_seconds": 1, "tools.composio.failures": 100}))
    ann = await house.person()
    begun = (await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})).json()
    await finish(begun["redirect_url"])
    composio.trouble = Trouble(status=500, where="/connected_accounts/")
    looks = composio.count("GET /api/v3.1/connected_accounts/")
    await until(lambda: composio.count("GET /api/v3.1/connected_accounts/") > looks + 6)
    composio.heal()

    async def is_active() -> bool:
        return (await ann.client.get("/composio/connections")).json()["items"][0]["status"] == "active"

    await until(is_active)


class _Overtaken:
    """A database of which everything that is read is out of date at once."""

    def __init__(self, db: Database, meanwhile: Callable[[], Awaitable[Any]]) -> None:
        self._db = db
        self._meanwhile = meanwhile

    async def read(self, fn: Callable[[Any], Any], /) -> Any:
        found = await self._db.read(fn)
        await self._meanwhile()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


async def test_a_sign_in_that_the_watch_finds_finished_at_that_moment_counts(open_served: OpenServed, composio: ComposioServer) -> None:
    """Who looked for one that works, and then for one that is begun, saw neither, and asked the person once more."""
    house = await open_served(settings=settings_for(composio, **{"tools.composio.poll_seconds": 60}))
    ann = await house.person()
    others = [await house.get(each) for each in (Jobs, Events, ComposioClient, AuthConfigs, ToolkitPolicy, Callbacks, ComposioSettings)]
    begun = (await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})).json()
    await finish(begun["redirect_url"])
    watched = partial((await house.get(Connections)).get, UUID(ann.id), UUID(begun["connection_id"]))
    connections = Connections(cast("Database", _Overtaken(await house.get(Database), watched)), *others)
    found = await connections.usable(UUID(ann.id), "github")
    assert found is not None
    assert (str(found.id), found.status) == (begun["connection_id"], "active")


async def test_one_that_works_is_used_before_one_that_is_begun(open_served: OpenServed, composio: ComposioServer) -> None:
    """Nobody is asked how the newer one is."""
    house = await open_served(settings=settings_for(composio, **{"tools.composio.poll_seconds": 60}))
    ann = await house.person()
    works = await connect(ann, composio, "github")
    await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})
    looks = composio.count("GET /api/v3.1/connected_accounts/")
    found = await (await house.get(Connections)).usable(UUID(ann.id), "github")
    assert found is not None
    assert (str(found.id), composio.count("GET /api/v3.1/connected_accounts/")) == (works, looks)


async def test_a_watch_goes_on_after_kill_9_and_no_key_is_in_the_log(tmp_path: Path, composio: ComposioServer) -> None:
    """A real server, with the names of other systems for the settings."""
    settings = {
        "COMPOSIO_API_KEY": API_KEY, "COMPOSIO_BASE_URL": composio.base_url, "PARLOR_TOOLS__COMPOSIO__POLL_SECONDS": "0.2", "PARLOR_JOBS__LEASE_SECONDS": "2",
        "PARLOR_LOG__LEVEL": "debug",
    }  # fmt: skip
    async with parlor_server(tmp_path, f"sqlite:///{tmp_path / 'parlor.db'}", "http://127.0.0.1:9/v1", **settings) as server:
        async with client_of(server.base_url) as stranger:
            account = (await stranger.post("/auth/register", json={"email": "ann@example.com", "password": PASSWORD})).json()
        async with client_of(server.base_url, account["access_token"]) as client:
            ann = Person(client, account)
            begun = (await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})).json()
            looks = composio.count("GET /api/v3.1/connected_accounts/")
            await until(lambda: composio.count("GET /api/v3.1/connected_accounts/") > looks)
            await server.kill()
            await finish(begun["redirect_url"])
            await server.start()
            ann.move_to(server.base_url)

            async def is_active() -> bool:  # the list asks nobody: the watch did
                return (await ann.client.get("/composio/connections")).json()["items"][0]["status"] == "active"

            await until(is_active)
        assert API_KEY not in server.log


async def test_a_composio_that_goes_and_comes_back_is_found_again(open_served: OpenServed) -> None:
    """A real outage: nobody listens."""
    composio = ComposioServer(free_port())
    house = await open_served(settings=settings_for(composio, **{"tools.composio.failures": 2, "tools.composio.open_seconds": 0.2}))
    ann = await house.person()
    down = [await ann.client.get("/composio/toolkits") for _ in range(3)]
    assert {each.status_code for each in down} == {503}
    with listening(composio):

        async def is_back() -> bool:
            return (await ann.client.get("/composio/toolkits")).status_code == 200

        await until(is_back)
