import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Self

import pytest

from parlor.core.outbound import Outbound, OutboundSettings

Answer = Callable[[bytes], bytes]


class Site:
    """A server of canned answers on 127.0.0.1 that remembers every connection and every request."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.connections = 0
        self.requests: list[bytes] = []
        self.closed = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                request = head + await reader.readexactly(length)
                self.requests.append(request)
                writer.write(self.answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@pytest.fixture
async def canary() -> AsyncIterator[Site]:
    """Stands for the inside of a network: nothing may ever connect to it."""
    async with Site() as canary:
        yield canary
        assert canary.connections == 0


Open = Callable[..., Outbound]


@pytest.fixture
async def door() -> AsyncIterator[Open]:
    opened: list[Outbound] = []

    def open_door(*allow: str, ports: Sequence[int] = (80, 443), names: dict[str, list[str]] | None = None) -> Outbound:
        """`names` is all that its name server knows; each look-up takes the first address list off when there is more than one."""

        async def resolve(host: str, port: int) -> Sequence[str]:
            if host not in (names or {}):
                raise OSError("unknown")
            return names[host]  # type: ignore[index]

        resolver: Callable[[str, int], Awaitable[Sequence[str]]] = resolve
        settings = OutboundSettings(allow=allow, ports=tuple(ports))
        opened.append(Outbound(settings) if names is None else Outbound(settings, resolver))
        return opened[-1]

    yield open_door
    for each in opened:
        await each.close()
