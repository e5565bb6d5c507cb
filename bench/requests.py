"""Small requests, one after the other on connections that stay open: what they take of the server's core."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import msgspec

from bench.connection import Connection, WrongAnswer, post
from bench.load import LONGEST_SECONDS, Server
from bench.machine import Reading
from bench.plan import Plan, Requests
from bench.targets import PASSWORD

CLIENTS = 16
MOST_LOGINS = 60
"""Of one address in a minute, with room to the limit."""


@dataclass(frozen=True)
class _Kind:
    name: str
    request: bytes
    clients: int = CLIENTS
    most: int = 1_000_000


async def requests(server: Server, plan: Plan, email: str, token: str) -> list[Requests]:
    """Of somebody who is signed in with `token`, and of signing in."""
    login = msgspec.json.encode({"login": email, "password": PASSWORD})
    kinds = [
        _Kind("GET /auth/me", _get("/api/v1/auth/me", token)),
        _Kind("GET /wallet", _get("/api/v1/wallet", token)),
        _Kind("POST /auth/login", post("/api/v1/auth/login", login), clients=2, most=MOST_LOGINS),
    ]
    return [await _measure(server, kind, plan.request_seconds) for kind in kinds]


async def _measure(server: Server, kind: _Kind, seconds: float) -> Requests:
    connections = [await Connection.open(server.target.port) for _ in range(kind.clients)]
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await _ask(connections, kind, seconds / 5, kind.most // 6)
            before = Reading.of(server.pid)
            made = await _ask(connections, kind, seconds, kind.most - kind.most // 6)
            after = Reading.of(server.pid)
    finally:
        for connection in connections:
            connection.close()
    cpu, loop = after.cpu_seconds - before.cpu_seconds, after.loop_seconds - before.loop_seconds
    return Requests(
        name=kind.name, requests=made, per_second=made / (after.at - before.at), cpu_us=max(cpu, 1e-9) / made * 1e6, loop_us=min(loop, cpu) / made * 1e6
    )


async def _ask(connections: Sequence[Connection], kind: _Kind, seconds: float, most: int) -> int:
    """How many were answered."""
    ends_at, begun = perf_counter() + seconds, 0

    async def client(connection: Connection) -> None:
        nonlocal begun
        while perf_counter() < ends_at and begun < most:
            begun += 1
            answer = await connection.ask(kind.request)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise WrongAnswer(f"{kind.name}: {answer[:300]!r}")

    await asyncio.gather(*map(client, connections))
    return begun


def _get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
