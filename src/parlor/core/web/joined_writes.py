"""A connection to which everything that is said in one turn of the event loop is written at once.

uvicorn writes the head of an answer, each piece of its body and its end by themselves, and uvloop (0.23) makes a system call of each, which wakes the
client each time: for a small answer that costs more than making it.
"""

import asyncio
from typing import Any

MOST_BYTES = 65536
"""More than this does not wait: the connection must be able to say that its client does not read."""


class JoinedWrites(asyncio.Transport):
    """`transport` as before, but that what is written waits for the end of this turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(bytes(data))
        self._held_bytes += len(data)
        if self._held_bytes > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Now, what waits."""
        if not self._held:
            return
        data = b"".join(self._held)
        self._forget()
        if not self._transport.is_closing():
            self._transport.write(data)

    def _forget(self) -> None:
        self._held.clear()
        self._held_bytes = 0

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._forget()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()
