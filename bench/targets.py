"""What the load generator asks: Parlor, the relay, and the fake model itself."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from bench.connection import Connection, WrongAnswer, body_of, post
from bench.plan import TOKEN

QUESTION = "What does a turn cost, and why?"
TURNS_PER_SESSION = 10
PASSWORD = "correct horse battery 9"

Next = Callable[[], bytes | None]
"""The next request of a client; None when there is nothing prepared any more."""


class Target(Protocol):
    port: int
    first: bytes

    async def prepare(self, model: str, clients: int, turns: int) -> list[Next]:
        """One source of requests for each client, good for `turns` each at least."""
        ...

    def check(self, answer: bytes, chunks: int) -> None:
        """Raises WrongAnswer unless the answer is whole and has the text of `chunks` chunks."""
        ...


def _check(answer: bytes, chunks: int, last: bytes) -> None:
    body = body_of(answer)
    said = body.count(TOKEN.encode())
    if not answer.startswith(b"HTTP/1.1 200") or last not in body or said != chunks:
        raise WrongAnswer(f"expected {chunks} chunks of text and {last.decode()}, got {said}: {answer[:400]!r} ... {body[-300:]!r}")


@dataclass
class OpenAIWire:
    """The fake model itself, or the relay before it."""

    port: int
    path: str
    first: bytes = b'"content":"' + TOKEN.encode()

    async def prepare(self, model: str, clients: int, turns: int) -> list[Next]:
        question = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": True, "stream_options": {"include_usage": True}}
        request = post(self.path, msgspec.json.encode(question))
        return [lambda: request for _ in range(clients)]

    def check(self, answer: bytes, chunks: int) -> None:
        _check(answer, chunks, b"data: [DONE]")


@dataclass
class ParlorWire:
    """Parlor, through its own API, each client with an account of its own and a new session every ten turns."""

    port: int
    first: bytes = b"event: text.delta"
    most_accounts: int = 64
    _tokens: list[str] = field(default_factory=list[str])

    async def prepare(self, model: str, clients: int, turns: int) -> list[Next]:
        body = msgspec.json.encode({"content": QUESTION, "model": f"fake/{model}"})
        await self._sign_up(min(clients, self.most_accounts))
        sources: list[Next] = []
        waiting = iter(range(clients))
        connections = [await Connection.open(self.port) for _ in range(min(8, clients))]

        async def make(connection: Connection) -> None:
            for client in waiting:
                token = self._tokens[client % len(self._tokens)]
                sources.append(await self._source(connection, token, body, turns))

        try:
            await asyncio.gather(*map(make, connections))
        finally:
            for connection in connections:
                connection.close()
        return sources

    async def somebody(self) -> tuple[str, str]:
        """The email and the access token of a client."""
        await self._sign_up(1)
        return email_of(0), self._tokens[0]

    async def _source(self, connection: Connection, token: str, body: bytes, turns: int) -> Next:
        requests: deque[bytes] = deque()
        for _ in range(-(-turns // TURNS_PER_SESSION)):
            session = await _asked(connection, post("/api/v1/sessions", b"{}", f"Authorization: Bearer {token}"))
            request = post(f"/api/v1/sessions/{session['id']}/messages", body, f"Authorization: Bearer {token}", "Accept: text/event-stream")
            requests.extend([request] * TURNS_PER_SESSION)
        return lambda: requests.popleft() if requests else None

    async def _sign_up(self, accounts: int) -> None:
        if len(self._tokens) >= accounts:
            return
        connection = await Connection.open(self.port)
        try:
            for number in range(len(self._tokens), accounts):
                account = msgspec.json.encode({"email": email_of(number), "password": PASSWORD})
                self._tokens.append((await _asked(connection, post("/api/v1/auth/register", account)))["access_token"])
        finally:
            connection.close()

    def check(self, answer: bytes, chunks: int) -> None:
        _check(answer, chunks, b"event: turn.completed")


def email_of(number: int) -> str:
    return f"client{number}@bench.example"


async def _asked(connection: Connection, request: bytes) -> Any:
    answer = await connection.ask(request)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise WrongAnswer(answer[:600].decode(errors="replace"))
    return msgspec.json.decode(body_of(answer))
