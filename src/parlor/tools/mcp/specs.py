"""What is known of a server before anybody has connected to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec

Transport = Literal["stdio", "http", "sse"]
Origin = Literal["config", "plugin", "api"]


class ProcessLimits(msgspec.Struct, frozen=True):
    """What a child process may take at most; None is no limit of ours. `cpu_seconds` are of its whole life: it is started anew when they are used up."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What an operator has agreed with the authorization server of a server. What is empty is found out, or registered, when somebody first signs in."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    """Asked for instead of what the server proposes."""
    redirect_uri: str = ""
    """As it is registered there, when it is not our own callback below the public URL: it must lead there in the end."""
    issuer: str = ""
    """The only authorization server that may see this client. Empty: whichever the server names."""


class ServerSpec(msgspec.Struct, frozen=True):
    """One server. `key` is unique among all there are: the name of an operator's server, `ACCOUNT/NAME` of one that a user has added."""

    key: str
    name: str
    transport: Transport
    origin: Origin
    owner_id: UUID | None = None
    """Whose it is; None is the operator's. A user's own is offered to nobody else."""
    description: str = ""
    groups: frozenset[str] = frozenset()
    require_approval: tuple[str, ...] = ()
    """Globs over the server's own names of its tools."""
    timeout_seconds: float = 60
    connect_seconds: float = 30

    command: tuple[str, ...] = ()
    env: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """All that the child gets beside PATH, HOME and the like: nothing of the server's own environment."""
    cwd: Path | None = None
    limits: ProcessLimits | None = None

    url: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    is_trusted: bool = False
    """The address is the operator's own choice; any other goes through the outbound gate."""
    uses_sign_in: bool = False
    """Each user signs in with OAuth: calls are made with the caller's own grant, on a connection of their own."""
    oauth: OAuthClient | None = None
    """Only read where `uses_sign_in`."""


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool as its server describes it, control and zero-width characters already taken out."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    is_idempotent: bool = False
    """The server's own hint: never a reason to allow a call, only to repeat one."""


class CallOutcome(msgspec.Struct, frozen=True):
    """What a server answered. `result` is its structured content, else its text, else a list of blocks:
    `{"type": "text", "text"}` and `{"type": "image", "media_type", "data"}` (base64). `is_error`: the tool itself says that it failed.
    """

    result: Any
    is_error: bool = False


class Challenge(msgspec.Struct, frozen=True):
    """How a server refused: its status and the header that says what it wants (RFC 6750, RFC 9728)."""

    status: int
    www_authenticate: str
