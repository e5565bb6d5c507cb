"""The stdio transport: JSON-RPC, a line each, to and from a child process.

Not the library's: that one takes lines of any length, lets each line that is not JSON reach the session as an error with the whole line in it, hands the
child's standard error to our own, and waits for the end of pipes that a grandchild may hold.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from parlor.tools.mcp.connections.children import Child
from parlor.tools.mcp.connections.cleaning import sentence

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client import Transport

logger = structlog.get_logger("parlor.tools.mcp")

_READ_BYTES = 64 * 1024
_MOST_LINES_LOGGED = 200
"""Of what one process says on its standard error, and of its lines that are not messages. All of it is read, for ever."""


class LineTooLong(Exception):
    """More bytes than a message may have, and no end of line."""


class Lines:
    """Bytes in, whole lines out; never holds more than one line of `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Raises LineTooLong."""
        *ends, rest = piece.split(b"\n")
        lines = list[bytes]()
        for end in ends:
            lines.append(b"".join([*self._pieces, end]))
            self._pieces, self._held_bytes = [], 0
        self._pieces.append(rest)
        self._held_bytes += len(rest)
        if self._held_bytes > self._most_bytes or any(len(line) > self._most_bytes for line in lines):
            self._pieces = []
            raise LineTooLong
        return lines


class Pipes:
    """What is between the library's streams and one child's pipes."""

    def __init__(self, name: str, child: Child, most_bytes: int) -> None:
        self._name = name
        self._child = child
        self._most_bytes = most_bytes
        self._lines_logged = 0
        self.is_oversized = False

    async def read(self, messages: "MemoryObjectSendStream[SessionMessage | Exception]") -> None:
        lines = Lines(self._most_bytes)
        async with messages:
            try:
                while piece := await self._child.stdout.read(_READ_BYTES):
                    for line in lines.feed(piece):
                        if (message := self._message(line)) is not None:
                            await messages.send(message)
            except LineTooLong:
                self.is_oversized = True
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass  # nobody listens any more
        while await self._child.stdout.read(_READ_BYTES):
            pass  # a process that cannot write does not come to its end

    async def write(self, messages: "MemoryObjectReceiveStream[SessionMessage]") -> None:
        async with messages:
            async for message in messages:
                try:
                    self._child.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                    await self._child.stdin.drain()
                except (OSError, RuntimeError):
                    return  # it has closed its input; its end follows

    async def read_errors(self) -> None:
        lines = Lines(_READ_BYTES)
        while piece := await self._child.stderr.read(_READ_BYTES):
            if self._lines_logged > _MOST_LINES_LOGGED:
                continue
            try:
                for line in lines.feed(piece):
                    self._log("mcp.stderr", line)
            except LineTooLong:
                self._log("mcp.stderr", piece)

    async def end_with_process(self) -> None:
        await self._child.exited.wait()
        self._child.let_go()

    def _message(self, line: bytes) -> SessionMessage | None:
        """None, and a line in the log, for what is not a message. Servers print all kinds of things where only messages belong."""
        if not line.strip():
            return None
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            self._log("mcp.not_a_message", line)
            return None

    def _log(self, event: str, line: bytes) -> None:
        self._lines_logged += 1
        if self._lines_logged <= _MOST_LINES_LOGGED:
            logger.debug(event, server=self._name, line=sentence(line[:4096].decode(errors="replace")))
        elif self._lines_logged == _MOST_LINES_LOGGED + 1:
            logger.debug("mcp.no_more_lines_logged", server=self._name)


@asynccontextmanager
async def _stdio(pipes: Pipes, child: Child) -> AsyncGenerator[Any]:
    incoming, reads = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    writes, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(pipes.read, incoming)
        group.start_soon(pipes.write, outgoing)
        group.start_soon(pipes.read_errors)
        group.start_soon(pipes.end_with_process)
        try:
            yield reads, writes
        finally:
            with anyio.CancelScope(shield=True):
                for stream in (reads, writes, incoming, outgoing):
                    stream.close()
                await child.stop()
            group.cancel_scope.cancel()


def stdio_transport(pipes: Pipes, child: Child) -> "Transport":
    """The pair of streams that the library's client takes. Leaving it stops the child, also when it is cancelled."""
    return _stdio(pipes, child)
