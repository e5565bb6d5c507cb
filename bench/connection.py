"""The load generator's end of one connection: HTTP/1.1 by hand, because a client library costs more than the server that it measures."""

import asyncio
from time import perf_counter
from typing import cast

from bench.plan import TOKEN

_END = b"0\r\n\r\n"
_TOKEN = TOKEN.encode()


class WrongAnswer(Exception):
    """The server did not do what is measured, so that the figures would mean nothing."""


class Connection(asyncio.Protocol):
    """Kept alive, one request at a time. `first` is what the first byte of text looks like."""

    def __init__(self, first: bytes = b"\x00") -> None:
        self._first = first
        self._transport: asyncio.Transport
        self._pieces: list[bytes] = []
        self._seen = b""
        self._size_bytes = 0
        self._whole_bytes: int | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self.asked_at = 0.0
        self.first_at: float | None = None
        self.times: list[float] | None = None
        """Give it a list, and the time of every read after the first text goes there."""
        self.chunks = 0
        """Of the model, that have come since `times` is kept. (A relay may cut one in two, which is then not counted: one in hundreds.)"""

    @classmethod
    async def open(cls, port: int, first: bytes = b"\x00") -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(first), "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WrongAnswer(f"the connection ended within an answer: {b''.join(self._pieces)[-300:]!r}"))

    def close(self) -> None:
        self._transport.close()

    async def ask(self, request: bytes) -> bytes:
        """The whole answer as it came, head and all."""
        self._answer = asyncio.get_running_loop().create_future()
        self._pieces, self._seen, self._size_bytes, self._whole_bytes = [], b"", 0, None
        self.first_at = None
        self.asked_at = perf_counter()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if not self._pieces:
            self._whole_bytes = _whole_bytes(data)
        self._pieces.append(data)
        self._size_bytes += len(data)
        if self.first_at is None:
            if self._first in self._seen + data:
                self.first_at = now
        elif self.times is not None:
            self.times.append(now)
            self.chunks += data.count(_TOKEN)
        self._seen = data if len(data) > 64 else (self._seen + data)[-128:]
        if self._size_bytes == self._whole_bytes or (self._whole_bytes is None and self._seen.endswith(_END)):
            assert self._answer is not None
            if not self._answer.done():
                self._answer.set_result(b"".join(self._pieces))


def _whole_bytes(start: bytes) -> int | None:
    """By Content-Length; None for an answer in chunks. The servers here send their heads in one piece."""
    head, blank, _ = start.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(head) + len(blank) + int(line[15:])
    return None


def body_of(answer: bytes) -> bytes:
    """Without the head, and without the frame of the chunks."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    pieces: list[bytes] = []
    start = 0
    while True:
        end = rest.index(b"\r\n", start)
        size = int(rest[start:end], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(rest[end + 2 : end + 2 + size])
        start = end + 4 + size


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request, ready to be written."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
