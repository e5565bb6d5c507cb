"""Somebody who chats over HTTP: signs up, asks, follows, stops. Every answer is the server's own, byte for byte where it matters."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2

from tests.support.clients import http_client

PASSWORD = "a quiet river in may"
WAIT_SECONDS = 20.0
STREAM = {"Accept": "text/event-stream"}
_numbers = count(1)


@dataclass(frozen=True)
class Frame:
    """One event as it came: `raw` is its bytes with the blank line that ends it."""

    number: int
    event: str
    data: dict[str, Any]
    raw: bytes


def frames_of(raw: bytes) -> list[Frame]:
    """The events of a whole stream. Fails on anything that is neither an event nor a comment, and on a last event that is not whole."""
    assert not raw or raw.endswith(b"\n\n"), f"the stream ends within an event: {raw[-100:]!r}"
    return [_frame(piece) for piece in raw.split(b"\n\n") if piece and not piece.startswith(b":")]


def _frame(piece: bytes) -> Frame:
    fields = dict(line.split(b": ", 1) for line in piece.split(b"\n"))
    assert list(fields) == [b"id", b"event", b"data"], piece
    data = json.loads(fields[b"data"])
    event = fields[b"event"].decode()
    assert data["type"] == event
    return Frame(int(fields[b"id"]), event, data, piece + b"\n\n")


def bytes_of(frames: list[Frame]) -> bytes:
    return b"".join(frame.raw for frame in frames)


def text_of(frames: list[Frame]) -> str:
    return "".join(frame.data["text"] for frame in frames if frame.event == "text.delta")


def answer_of(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


class Reader:
    """A stream that is read as far as the test wants. Comments are kept apart."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.comments = 0
        self._chunks = response.aiter_raw()
        self._rest = b""

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def turn_id(self) -> str:
        return self.response.headers["x-turn-id"]

    async def frames(self) -> AsyncIterator[Frame]:
        async for chunk in self._chunks:
            self._rest += chunk
            *whole, self._rest = self._rest.split(b"\n\n")
            for piece in whole:
                if piece.startswith(b":"):
                    self.comments += 1
                else:
                    yield _frame(piece)
        assert not self._rest, f"the stream ends within an event: {self._rest!r}"

    async def read(self, most: int) -> list[Frame]:
        """The next `most` events, fewer when the stream ends before. The stream can not be read on after that."""
        found: list[Frame] = []
        async for frame in self.frames():
            found.append(frame)
            if len(found) >= most:
                break
        return found

    async def until(self, event: str, at_least: int = 1) -> list[Frame]:
        """Up to the `at_least`th event of that type. The stream can not be read on after that."""
        found: list[Frame] = []
        async for frame in self.frames():
            found.append(frame)
            if sum(each.event == event for each in found) >= at_least:
                return found
        raise AssertionError(f"the stream ended without {at_least} {event}: {[each.event for each in found]}")

    async def rest(self) -> list[Frame]:
        return [frame async for frame in self.frames()]


class Person:
    """`client` carries the token. Methods that return a dictionary check the status first."""

    def __init__(self, client: httpx2.AsyncClient, account: dict[str, Any]) -> None:
        self.client = client
        self.id: str = account["user"]["id"]
        self.email: str = account["user"]["email"]

    def move_to(self, base_url: str) -> None:
        """The server is somewhere else now; the token is good there too."""
        self.client.base_url = f"{base_url}/api/v1"

    async def new_session(self, **body: Any) -> str:
        return _json(await self.client.post("/sessions", json=body), 201)["id"]

    async def session(self, session_id: str) -> dict[str, Any]:
        return _json(await self.client.get(f"/sessions/{session_id}"))

    async def post(self, session_id: str, content: Any = "Hello?", *, key: str | None = None, wait: bool = False, **body: Any) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.client.post(
            f"/sessions/{session_id}/messages", json={"content": content, **body}, headers=headers, params={"wait": "true"} if wait else {}
        )

    async def send(self, session_id: str, content: Any = "Hello?", **more: Any) -> str:
        """The turn's id."""
        return _json(await self.post(session_id, content, **more), 202)["turn"]["id"]

    async def ask(self, session_id: str, content: Any = "Hello?", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The turn and the answer, once it is over."""
        reply = _json(await self.post(session_id, content, wait=True, **more))
        return reply["turn"], reply["message"]

    @asynccontextmanager
    async def stream(self, session_id: str, content: Any = "Hello?", *, key: str | None = None, **body: Any) -> AsyncGenerator[Reader]:
        headers = STREAM if key is None else {**STREAM, "Idempotency-Key": key}
        async with self.client.stream("POST", f"/sessions/{session_id}/messages", json={"content": content, **body}, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
            yield Reader(response)

    @asynccontextmanager
    async def follow(self, turn_id: str, after: Any = None) -> AsyncGenerator[Reader]:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        async with self.client.stream("GET", f"/turns/{turn_id}/events", headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
            yield Reader(response)

    async def replay(self, turn_id: str, after: Any = None) -> bytes:
        """The turn's events to the end, as bytes."""
        async with self.follow(turn_id, after) as reader:
            assert reader.status == 200, await reader.response.aread()
            return await reader.response.aread()

    async def events(self, turn_id: str) -> list[Frame]:
        """All of them, once the turn is over."""
        return frames_of(await self.replay(turn_id))

    async def turn(self, turn_id: str) -> dict[str, Any]:
        return _json(await self.client.get(f"/turns/{turn_id}"))

    async def stop(self, turn_id: str) -> dict[str, Any]:
        return _json(await self.client.post(f"/turns/{turn_id}/stop"))

    async def messages(self, session_id: str, **params: Any) -> list[dict[str, Any]]:
        return _json(await self.client.get(f"/sessions/{session_id}/messages", params=params))["items"]

    async def wallet(self) -> dict[str, int]:
        return _json(await self.client.get("/wallet"))

    async def charges(self) -> list[dict[str, Any]]:
        """What was charged, newest first."""
        return [entry for entry in _json(await self.client.get("/wallet/entries"))["items"] if entry["kind"] == "charge"]


def _json(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json()


def client_of(base_url: str, token: str = "") -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return http_client(base_url=f"{base_url}/api/v1", headers=headers, timeout=WAIT_SECONDS, limits=limits)


@asynccontextmanager
async def signed_up(base_url: str, name: str | None = None) -> AsyncGenerator[Person]:
    """A new account, signed in."""
    email = f"{name or f'person{next(_numbers)}'}@example.com"
    async with client_of(base_url) as stranger:
        account = _json(await stranger.post("/auth/register", json={"email": email, "password": PASSWORD}), 201)
    async with client_of(base_url, account["access_token"]) as client:
        yield Person(client, account)
