"""Bodies and replies of /mcp/servers."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from parlor.core.web.schemas import Body, Reply
from parlor.tools.mcp.administration import Wanted
from parlor.tools.mcp.catalog import Reloaded
from parlor.tools.mcp.config_file import MOST_TIMEOUT_MS, Glob, Group, ServerName, globs_of, transport_of
from parlor.tools.mcp.errors import StdioNotOverApi
from parlor.tools.mcp.known import Look, ServerState, ToolState
from parlor.tools.mcp.pins import Pin

Headers = Annotated[
    dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=8_192)]],
    Field(max_length=20, description="Sent with every request, such as Authorization. Stored sealed, and never shown again."),
]
Globs = Annotated[list[Glob], Field(max_length=50)]
Approval = Annotated[bool | Globs, Field(description="Whether a person must allow each call: true, or globs over the server's own names of its tools.")]
Url = Annotated[str, Field(min_length=1, max_length=8_192, description="http or https, on the public internet unless the operator allows more.")]
TransportName = Literal["http", "streamable-http", "sse", "stdio"]
_NEVER = Field(default=None, description="Refused with 403 for everybody: servers with a command come from the operator's files alone.")


class _Server(Body):
    command: Any = _NEVER
    args: Any = _NEVER
    env: Any = _NEVER
    cwd: Any = _NEVER

    def refuse_commands(self) -> Self:
        """Raises StdioNotOverApi for whatever would start a process here."""
        if {"command", "args", "env", "cwd"} & self.model_fields_set or getattr(self, "transport", None) == "stdio":
            raise StdioNotOverApi
        return self


class McpServerCreate(_Server):
    name: ServerName
    url: Url | None = None
    transport: TransportName = "http"
    description: str = Field(default="", max_length=2_000)
    headers: Headers = Field(default_factory=dict)
    groups: list[Group] = Field(default_factory=list, max_length=50, description="Only accounts in one of these see and use it; empty is everybody.")
    require_approval: Approval = False
    timeout: int = Field(default=60_000, ge=1, le=MOST_TIMEOUT_MS, description="Of one call, in milliseconds.")
    auth: Literal["oauth"] | None = Field(default=None, description="oauth: each user signs in there.")
    enabled: bool = True

    @model_validator(mode="after")
    def _names_where(self) -> Self:
        if self.url is None and not {"command", "args", "env", "cwd"} & self.model_fields_set and self.transport != "stdio":
            raise ValueError("url is missing")
        return self

    def wanted(self) -> Wanted:
        return Wanted(self.name, self.url or "", self.enabled, _fields(self))


class McpServerUpdate(_Server):
    """What is left out stays as it is."""

    url: Url = ""
    transport: TransportName = "http"
    description: str = Field(default="", max_length=2_000)
    headers: Headers = Field(default_factory=dict)
    groups: list[Group] = Field(default_factory=list, max_length=50)
    require_approval: Approval = False
    timeout: int = Field(default=60_000, ge=1, le=MOST_TIMEOUT_MS)
    auth: Literal["oauth"] | None = None
    enabled: bool = True

    def changes(self) -> dict[str, Any]:
        fields = {**_fields(self), "url": self.url, "is_enabled": self.enabled}
        others = {"auth": "uses_sign_in", "timeout": "timeout_seconds", "enabled": "is_enabled"}
        return {name: fields[name] for name in (others.get(given, given) for given in self.model_fields_set)}


def _fields(body: McpServerCreate | McpServerUpdate) -> dict[str, Any]:
    return {
        "transport": transport_of(body.transport),
        "description": body.description,
        "groups": frozenset(body.groups),
        "require_approval": globs_of(body.require_approval),
        "timeout_seconds": body.timeout / 1000,
        "headers": body.headers,
        "uses_sign_in": body.auth == "oauth",
    }


class ToolApprove(Body):
    hash: str = Field(pattern="^[0-9a-f]{64}$", description="Of the definition that was looked at: `pending_hash`.")


class McpToolRead(Reply):
    name: str | None = Field(description="As models know it; null while it is not offered.")
    tool: str = Field(description="The server's own name.")
    description: str
    status: Literal["ok", "changed", "new", "left_out"]
    reason: str | None = Field(description="Why it is not offered.")

    @classmethod
    def of(cls, state: ToolState) -> Self:
        definition = state.definition or state.pending
        return cls(name=state.name, tool=state.tool, description=definition.description if definition else "", status=state.status, reason=state.reason)


class McpToolDetail(McpToolRead):
    """`pending_*` is what the server says now, where that waits for approval."""

    parameters: dict[str, Any] | None
    approved_hash: str | None
    pending_description: str | None
    pending_parameters: dict[str, Any] | None
    pending_hash: str | None

    @classmethod
    def of(cls, state: ToolState) -> Self:
        read = McpToolRead.of(state)
        return cls(
            **read.model_dump(),
            parameters=dict(state.definition.parameters) if state.definition else None,
            approved_hash=state.approved_hash,
            pending_description=state.pending.description if state.pending else None,
            pending_parameters=dict(state.pending.parameters) if state.pending else None,
            pending_hash=state.pending_hash,
        )


class McpServerRead(Reply):
    name: str
    status: Literal["idle", "connecting", "ready", "failed", "circuit_open", "sign_in", "disabled"]
    transport: Literal["stdio", "http", "sse"]
    tools: list[McpToolRead]
    last_error: str | None = Field(description="For administrators, and owners. Others get a sentence without details.")
    groups: list[str]
    origin: Literal["config", "plugin", "api"]
    description: str
    enabled: bool
    own: bool = Field(description="Whether it is the caller's own, which nobody else sees.")
    auth: Literal["oauth"] | None
    url: str | None = Field(description="For administrators, and owners.")
    header_names: list[str] = Field(description="For administrators, and owners.")
    require_approval: list[str]
    took_ms: float | None = Field(description="How long its last list of tools took.")

    @classmethod
    def of(cls, state: ServerState, *, is_inside: bool) -> Self:
        return cls(**_server_fields(state, is_inside=is_inside), tools=[McpToolRead.of(tool) for tool in state.tools])


class McpServerDetail(McpServerRead):
    tools: list[McpToolDetail]  # pyright: ignore[reportIncompatibleVariableOverride]  # more of the same

    @classmethod
    def of(cls, state: ServerState, *, is_inside: bool) -> Self:
        return cls(**_server_fields(state, is_inside=is_inside), tools=[McpToolDetail.of(tool) for tool in state.tools])


def _server_fields(state: ServerState, *, is_inside: bool) -> dict[str, Any]:
    """`is_inside`: for those whose server it is. What an error says of hosts, paths and programs is not for everybody."""
    known, spec = state.known, state.known.spec
    error = state.last_error if is_inside or state.last_error is None else "The server does not work now: ask an administrator."
    return {
        "name": spec.name,
        "status": state.status,
        "transport": spec.transport,
        "last_error": error,
        "groups": sorted(spec.groups),
        "origin": spec.origin,
        "description": spec.description,
        "enabled": known.is_enabled,
        "own": spec.owner_id is not None,
        "auth": "oauth" if spec.uses_sign_in else None,
        "url": spec.url or None if is_inside else None,
        "header_names": sorted(known.header_names or spec.headers) if is_inside else [],
        "require_approval": list(spec.require_approval),
        "took_ms": state.took_ms,
    }


class McpServerTest(Reply):
    """`tools` are those that the server lists now, by its own names."""

    ok: bool
    tools: list[str]
    error: str | None
    took_ms: float
    sign_in_url: str | None = Field(description="Where the caller signs in first.")

    @classmethod
    def of(cls, look: Look) -> Self:
        return cls(ok=look.is_good, tools=sorted(look.definitions), error=look.error, took_ms=look.took_ms, sign_in_url=look.sign_in_url)


class McpReload(Reply):
    """Names of servers; `errors` are sentences. While mcp.json is wrong its servers stay as they were."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    errors: list[str]

    @classmethod
    def of(cls, done: Reloaded) -> Self:
        added, changed, removed = ([key for key in keys if "/" not in key] for keys in (done.added, done.changed, done.removed))
        return cls(added=added, changed=changed, removed=removed, errors=list(done.errors))


class ToolPinRead(Reply):
    tool: str
    status: Literal["ok", "changed", "new"]
    approved_hash: str | None

    @classmethod
    def of(cls, pin: Pin) -> Self:
        return cls(tool=pin.tool, status=pin.state, approved_hash=pin.approved_hash)
