"""The connections of one process, by server, user and credential."""

import asyncio
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import structlog

from parlor.core.outbound import Outbound
from parlor.core.resilience import BreakerState, CircuitBreaker, CircuitOpen
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.children import Children
from parlor.tools.mcp.connections.errors import ServerFailed, SignInNeeded
from parlor.tools.mcp.connections.exchange import Exchange
from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.ports import Authorizer, ConnectionStatus
from parlor.tools.mcp.specs import CallOutcome, ServerSpec, ToolDefinition
from parlor.tools.ports import ExecutionContext, InputRequired, ToolCaller

if TYPE_CHECKING:
    from mcp.client import ClientSession

    from parlor.tools.mcp.connections.connection import Connection

T = TypeVar("T")

logger = structlog.get_logger("parlor.tools.mcp")

_MOST_BACKOFF_SECONDS = 10.0
_MOST_ATTEMPTS = 3


class Key(NamedTuple):
    server: str
    account_id: UUID | None
    """None where all users share a connection."""
    credential: str
    """A digest of all that the connection was made with: with another command or another header it is another one."""


class _Server(msgspec.Struct):
    """What is remembered of a server beside its connections."""

    breaker: CircuitBreaker
    failures: int = 0
    """To connect, in a row."""
    not_before: float = 0
    last_error: str | None = None
    protocol_version: str | None = None


class McpConnections:
    """Implements `ports.Connections`. Must be closed on the loop that it was used on."""

    def __init__(self, settings: McpConnectionSettings, outbound: Outbound, authorizer: Authorizer | None = None, run_folder: Path | None = None) -> None:
        """`run_folder` is where child processes are noted, to be found should everything be killed at once."""
        self._settings = settings
        self._outbound = outbound
        self._authorizer = authorizer
        self._children = Children(settings.close_seconds, run_folder)
        self._connections: dict[Key, Connection] = {}
        """For new calls."""
        self._living: dict[Connection, str] = {}
        """All that have not ended yet, and whose they are."""
        self._servers: dict[str, _Server] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._loading = asyncio.Lock()
        self._is_loaded = self._is_closed = False

    async def definitions(self, spec: ServerSpec, caller: ToolCaller) -> Sequence[ToolDefinition]:
        await self._load_library()
        exchange = Exchange(spec, caller, asyncio.get_running_loop().time() + spec.connect_seconds + spec.timeout_seconds)

        async def work(session: "ClientSession") -> Sequence[ToolDefinition]:
            from parlor.tools.mcp.connections.session import list_tools

            return await list_tools(session, spec.name)

        return await self._with_connection(exchange, work, is_call=False)

    async def call(self, spec: ServerSpec, tool: str, arguments: Mapping[str, Any], context: ExecutionContext) -> CallOutcome:
        await self._load_library()
        deadline = min(context.deadline, asyncio.get_running_loop().time() + spec.timeout_seconds)
        exchange = Exchange(spec, context.caller, deadline, context.answers)

        async def work(session: "ClientSession") -> CallOutcome:
            from parlor.tools.mcp.connections.session import call_tool

            return await call_tool(session, tool, arguments, exchange, context)

        return await self._with_connection(exchange, work, is_call=True)

    async def retire(self, key: str) -> None:
        self._servers.pop(key, None)
        await self._close_all(lambda server: server == key)

    def status(self, spec: ServerSpec) -> ConnectionStatus:
        server = self._servers.get(spec.key)
        mine = [connection for key, connection in self._connections.items() if key.server == spec.key and connection.is_usable]
        if server is None:
            return ConnectionStatus("idle")
        ready = sum(not connection.is_opening for connection in mine)
        if ready:
            state = "ready"
        elif server.breaker.state is not BreakerState.CLOSED:
            state = "circuit_open"
        elif mine:
            state = "connecting"
        else:
            state = "failed" if server.failures else "idle"
        return ConnectionStatus(state, len(mine), server.last_error, server.protocol_version)

    def on_changed(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    @property
    def children(self) -> frozenset[int]:
        """Process ids of the servers that run as children of this process."""
        return frozenset(self._children.running)

    async def start(self) -> None:
        """End what an earlier process has left behind."""
        await self._children.sweep()

    async def close(self) -> None:
        """Close everything; calls under way fail, and later ones are refused."""
        self._is_closed = True
        await self._close_all(lambda _: True)
        await self._children.close()

    async def _close_all(self, is_meant: Callable[[str], bool]) -> None:
        await asyncio.gather(*(connection.close() for connection, server in list(self._living.items()) if is_meant(server)))

    async def _with_connection(self, exchange: Exchange, work: "Callable[[ClientSession], Awaitable[T]]", *, is_call: bool) -> T:
        try:
            return await self._attempts(exchange, work, is_call=is_call)
        except CircuitOpen as error:
            raise ToolError(f"The server {exchange.spec.name} has failed repeatedly and is left alone for a moment.") from error
        except SignInNeeded as needed:
            raise await self._question(exchange, needed) from needed

    async def _attempts(self, exchange: Exchange, work: "Callable[[ClientSession], Awaitable[T]]", *, is_call: bool) -> T:
        from parlor.tools.mcp.connections.connection import Repeat

        for _ in range(_MOST_ATTEMPTS):
            server = self._server(exchange.spec)
            async with server.breaker.attempt() as attempt:
                connection = await self._opened(server, exchange)
                attempt.prove()
                try:
                    return await connection.run(exchange, work, is_call=is_call)
                except Repeat:
                    exchange.begin_again()
                except ServerFailed as error:
                    server.last_error = str(error)
                    raise
        raise ToolError(f"The server {exchange.spec.name} does not keep a connection.")

    async def _opened(self, server: _Server, exchange: Exchange) -> "Connection":
        """A connection that calls can be made over. Waits for one that somebody else opens, and for the pause after a failure."""
        loop = asyncio.get_running_loop()
        key = self._key(exchange)
        try:
            async with asyncio.timeout_at(exchange.deadline):
                while (connection := self._connections.get(key)) is None or not connection.is_usable:
                    if (seconds := server.not_before - loop.time()) > 0:
                        await asyncio.sleep(seconds)
                    else:
                        connection = self._open(key, server, exchange)
                        break
                await connection.opened()
                return connection
        except TimeoutError:
            raise ToolError(f"The server {exchange.spec.name} could not be connected to in time.") from None

    def _open(self, key: Key, server: _Server, exchange: Exchange) -> "Connection":
        from parlor.tools.mcp.connections.connection import Connection

        if self._is_closed:
            raise ToolError("The server is shutting down.")
        self._make_room(key, exchange.spec)
        opening = Exchange(exchange.spec, exchange.caller, asyncio.get_running_loop().time() + exchange.spec.connect_seconds)

        def tell() -> None:
            for listener in self._listeners:
                listener(key.server)

        connection = Connection(opening, self._settings, self._children, self._outbound, self._authorizer, tell)
        self._connections[key] = connection
        self._living[connection] = key.server
        connection.ready.add_done_callback(lambda ready: self._note(server, connection, ready))
        connection.ended.add_done_callback(lambda _: self._forget(key, connection))
        return connection

    def _note(self, server: _Server, connection: "Connection", ready: "asyncio.Future[None]") -> None:
        """After each opening, once, however many wait for it."""
        error = ready.exception()
        if error is None:
            server.failures, server.not_before, server.last_error = 0, 0, None
            server.protocol_version = connection.protocol_version
        elif isinstance(error, ServerFailed):
            server.last_error = str(error)
            pause = min(_MOST_BACKOFF_SECONDS, self._settings.backoff_seconds * 2**server.failures)
            server.failures = min(server.failures + 1, 16)
            server.not_before = asyncio.get_running_loop().time() + pause * random.uniform(0.5, 1)

    def _forget(self, key: Key, connection: "Connection") -> None:
        self._living.pop(connection, None)
        if self._connections.get(key) is connection:
            del self._connections[key]

    def _make_room(self, key: Key, spec: ServerSpec) -> None:
        """Raises ToolError when as many users as may be are using the server right now."""
        mine = {each: connection for each, connection in self._connections.items() if each.server == key.server and connection.is_usable}
        if len(mine) < self._settings.connections_most:
            return
        unused = [(connection.used_at, each) for each, connection in mine.items() if not connection.is_used and not connection.is_opening]
        if not unused:
            raise ToolError(f"The server {spec.name} is used by as many people as it may be at once.")
        oldest = min(unused)[1]
        self._connections.pop(oldest).retire()

    def _key(self, exchange: Exchange) -> Key:
        spec = exchange.spec
        return Key(spec.key, exchange.caller.account_id if spec.uses_sign_in else None, _digest(spec))

    def _server(self, spec: ServerSpec) -> _Server:
        server = self._servers.get(spec.key)
        if server is None:
            settings = self._settings
            breaker = CircuitBreaker(
                f"The server {spec.name}", failures=settings.failures_to_open_circuit, open_seconds=settings.circuit_seconds, counts=ServerFailed
            )
            server = self._servers[spec.key] = _Server(breaker)
        return server

    async def _load_library(self) -> None:
        """It takes a second, which the event loop must not stand still for."""
        if self._is_loaded:
            return
        async with self._loading:
            await asyncio.to_thread(import_module, "parlor.tools.mcp.connections.session")
            await asyncio.to_thread(import_module, "parlor.tools.mcp.connections.connection")
        # Its own lines repeat, with the peer's text and session ids in them, what reaches the caller as an error.
        for name in ("mcp", "client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._is_loaded = True

    async def _question(self, exchange: Exchange, needed: SignInNeeded) -> Exception:
        """Once for one call: a server that goes on refusing would ask the person for ever."""
        asked = await self._authorizer_for(exchange).sign_in(exchange.spec, exchange.caller, needed.challenge)
        if (answered := exchange.answers.get(asked.key)) is None:
            return InputRequired(asked)
        said = "still refuses the call after the user has signed in" if answered.is_accepted else "was not signed in at by the user"
        return ToolError(f"The server {exchange.spec.name} {said}.")

    def _authorizer_for(self, exchange: Exchange) -> Authorizer:
        if self._authorizer is None:
            raise ToolError(f"The server {exchange.spec.name} wants its users to sign in, which is not possible here.")
        return self._authorizer


def _digest(spec: ServerSpec) -> str:
    parts = (spec.transport, spec.command, sorted(spec.env.items()), spec.cwd, spec.limits, spec.url, sorted(spec.headers.items()), spec.is_trusted)
    return hashlib.sha256(repr((parts, spec.uses_sign_in, spec.connect_seconds)).encode()).hexdigest()
