"""A reader who loses the right to a stream while it is open (SEC-08): real servers, the change on another replica where there can be one."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from bench.fake_model import FakeModel, Script
from tests.faults.conftest import StartServer
from tests.support.chat import PASSWORD, STREAM, Person, client_of, signed_up
from tests.support.server import ParlorServer

pytestmark = pytest.mark.either_engine

WITHIN_SECONDS = 5.0
CHUNKS, PACE_SECONDS = 600, 0.1
"""The answer takes a minute: a stream that ends before was ended."""


@pytest.fixture
async def servers(start_server: StartServer, engine: str) -> tuple[ParlorServer, ParlorServer]:
    """Where the stream is, and where the change is made."""
    here = await start_server()
    return (here, here) if engine == "sqlite" else (here, await start_server("second"))


async def administrator(server: ParlorServer) -> httpx2.AsyncClient:
    _, said = await server.run("users", "setup-link")
    token = re.search(r"/setup#(\S+)", said)
    assert token, said
    async with client_of(server.base_url) as stranger:
        body = {"token": token[1], "email": "root@example.com", "password": PASSWORD}
        reply = await stranger.post("/auth/setup", json=body)
    assert reply.status_code == 201, reply.text
    return client_of(server.base_url, reply.json()["access_token"])


class Reading:
    """A stream that is read in the background."""

    def __init__(self, client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> None:
        self.begun = asyncio.Event()
        self.turn_id = ""
        self.seen = b""
        self.task = asyncio.create_task(self._read(client, method, path, more))

    async def _read(self, client: httpx2.AsyncClient, method: str, path: str, more: dict[str, Any]) -> None:
        async with client.stream(method, path, headers=STREAM, **more) as response:
            assert response.status_code == 200
            self.turn_id = response.headers.get("x-turn-id", "")
            async for chunk in response.aiter_raw():
                self.seen += chunk
                if b"text.delta" in self.seen:
                    self.begun.set()


async def reading(person: Person, session_id: str) -> tuple[Reading, Reading]:
    """The question's own stream, and a second reader of the same turn."""
    asking = Reading(person.client, "POST", f"/sessions/{session_id}/messages", json={"content": "Tell me all of it"})
    await asyncio.wait_for(asking.begun.wait(), 20)
    following = Reading(person.client, "GET", f"/turns/{asking.turn_id}/events")
    await asyncio.wait_for(following.begun.wait(), 20)
    return asking, following


async def assert_ended_early(*streams: Reading) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        await asyncio.gather(*(stream.task for stream in streams))
    assert not any(b"event: turn." in stream.seen.partition(b"event: turn.started")[2] for stream in streams)


Change = Callable[[httpx2.AsyncClient, Person, str], Awaitable[httpx2.Response]]


async def suspend(admin: httpx2.AsyncClient, person: Person, refresh_token: str) -> httpx2.Response:
    return await admin.patch(f"/users/{person.id}", json={"status": "suspended"})


async def promote(admin: httpx2.AsyncClient, person: Person, refresh_token: str) -> httpx2.Response:
    return await admin.patch(f"/users/{person.id}", json={"role": "admin"})


async def sign_out(admin: httpx2.AsyncClient, person: Person, refresh_token: str) -> httpx2.Response:
    async with client_of(str(admin.base_url).removesuffix("/api/v1/").removesuffix("/api/v1")) as anybody:
        return await anybody.post("/auth/logout", json={"refresh_token": refresh_token})


async def change_password(admin: httpx2.AsyncClient, person: Person, refresh_token: str) -> httpx2.Response:
    url = str(admin.base_url).removesuffix("/api/v1/").removesuffix("/api/v1")
    async with client_of(url, str(person.client.headers["authorization"]).removeprefix("Bearer ")) as elsewhere:
        return await elsewhere.post("/auth/password", json={"current_password": PASSWORD, "new_password": "another quiet river"})


@pytest.mark.parametrize("change", [suspend, promote, sign_out, change_password])
async def test_an_open_stream_ends_when_its_reader_loses_the_right_and_the_turn_goes_on(
    servers: tuple[ParlorServer, ParlorServer], fake: FakeModel, change: Change
) -> None:
    here, there = servers
    fake.script("fake", Script(chunks=CHUNKS, pace_seconds=PACE_SECONDS))
    async with await administrator(there) as admin, signed_up(here.base_url) as ann, signed_up(here.base_url) as bob:
        async with client_of(here.base_url) as stranger:
            signed_in = (await stranger.post("/auth/login", json={"login": ann.email, "password": PASSWORD})).json()
        ann.client.headers["authorization"] = f"Bearer {signed_in['access_token']}"
        session_id, other_id = await ann.new_session(), await bob.new_session()
        streams = await reading(ann, session_id)
        untouched = await reading(bob, other_id)
        reply = await change(admin, ann, signed_in["refresh_token"])
        assert reply.status_code in (200, 204), reply.text
        await assert_ended_early(*streams)
        assert (await ann.client.get("/auth/me")).status_code in (401, 403)
        assert not any(stream.task.done() for stream in untouched)
        await bob.stop(untouched[0].turn_id)
        await asyncio.gather(*(stream.task for stream in untouched))
        assert all(b"event: turn.stopped" in stream.seen for stream in untouched)
        if change is not suspend:
            password = "another quiet river" if change is change_password else PASSWORD
            async with client_of(here.base_url) as stranger:
                again = (await stranger.post("/auth/login", json={"login": ann.email, "password": password})).json()
            ann.client.headers["authorization"] = f"Bearer {again['access_token']}"
            assert (await ann.turn(streams[0].turn_id))["state"] == "running"
            await ann.stop(streams[0].turn_id)


async def test_the_stream_of_an_api_key_ends_with_the_key(servers: tuple[ParlorServer, ParlorServer], fake: FakeModel) -> None:
    here, there = servers
    fake.script("fake", Script(chunks=CHUNKS, pace_seconds=PACE_SECONDS))
    async with signed_up(here.base_url) as ann:
        made = (await ann.client.post("/api-keys", json={"name": "robot", "scopes": ["chat", "read"]})).json()
        key = made.get("key") or made["token"]
        session_id = await ann.new_session()
        async with client_of(here.base_url, key) as robot:
            streams = await reading(Person(robot, {"user": {"id": ann.id, "email": ann.email}}), session_id)
            ann.move_to(there.base_url)
            reply = await ann.client.delete(f"/api-keys/{made['id']}")
            assert reply.status_code == 204, reply.text
            await assert_ended_early(*streams)
            assert (await robot.get("/auth/me")).status_code == 401
