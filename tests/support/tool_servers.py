"""MCP servers in memory: what `Connections` promises, without any wire, and an authorizer whose users sign in at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dishka import Provider, Scope

from parlor.tools import Asked, ExecutionContext, InputRequired, ToolCaller, ToolError
from parlor.tools.mcp.ports import Authorizer, Connections, ConnectionStatus
from parlor.tools.mcp.specs import CallOutcome, Challenge, ServerSpec, ToolDefinition

OBJECT: Mapping[str, Any] = {"type": "object", "properties": {}}


def tool(name: str, description: str = "It does something.", parameters: Mapping[str, Any] = OBJECT) -> ToolDefinition:
    return ToolDefinition(name, description, parameters)


@dataclass
class MemoryServer:
    """`tools` are what it lists, `answers` what their calls give. With an `error` every request fails."""

    tools: list[ToolDefinition] = field(default_factory=list)
    answers: dict[str, CallOutcome] = field(default_factory=dict)
    error: str | None = None
    listings: int = 0
    calls: list[tuple[str, Mapping[str, Any], UUID]] = field(default_factory=list)


class MemoryConnections:
    """Servers by their key; one that nobody has put here cannot be reached."""

    def __init__(self, authorizer: "MemoryAuthorizer", **servers: MemoryServer) -> None:
        self.servers = dict(servers)
        self.retired: list[str] = []
        self._authorizer = authorizer
        self._listeners: list[Callable[[str], None]] = []

    async def definitions(self, spec: ServerSpec, caller: ToolCaller) -> Sequence[ToolDefinition]:
        server = await self._reach(spec, caller)
        server.listings += 1
        return list(server.tools)

    async def call(self, spec: ServerSpec, tool: str, arguments: Mapping[str, Any], context: ExecutionContext) -> CallOutcome:
        server = await self._reach(spec, context.caller)
        server.calls.append((tool, arguments, context.account_id))
        return server.answers.get(tool, CallOutcome(dict(arguments)))

    async def retire(self, key: str) -> None:
        self.retired.append(key)

    def status(self, spec: ServerSpec) -> ConnectionStatus:
        return ConnectionStatus("idle")

    def on_changed(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def say_changed(self, key: str) -> None:
        """What a server's `tools/list_changed` does."""
        for listener in self._listeners:
            listener(key)

    async def _reach(self, spec: ServerSpec, caller: ToolCaller) -> MemoryServer:
        if spec.uses_sign_in and await self._authorizer.authorization(spec, caller) is None:
            raise InputRequired(await self._authorizer.sign_in(spec, caller, None))
        server = self.servers.get(spec.key)
        if server is None or server.error is not None:
            raise ToolError(server.error if server and server.error else f"{spec.name} cannot be reached")
        return server


class MemoryAuthorizer:
    """`signed_in` are pairs of a server's key and an account."""

    def __init__(self) -> None:
        self.signed_in: set[tuple[str, UUID]] = set()

    async def authorization(self, spec: ServerSpec, caller: ToolCaller) -> str | None:
        return "Bearer token" if (spec.key, caller.account_id) in self.signed_in else None

    async def challenged(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge) -> bool:
        return False

    async def sign_in(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge | None) -> Asked:
        return Asked("signin", f"Sign in to {spec.name}.", f"signin:{spec.key}", url="https://id.example.com/authorize")


def in_memory(connections: MemoryConnections, authorizer: MemoryAuthorizer) -> Provider:
    """To override what the house provides."""
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: connections, provides=Connections)
    provider.provide(lambda: authorizer, provides=Authorizer)
    return provider
