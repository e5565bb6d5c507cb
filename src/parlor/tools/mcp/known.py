"""What a process knows of one server: what its owner wrote, and what the last look at it found."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from parlor.tools.mcp.config_file import HealthProbe
from parlor.tools.mcp.pins import PinState
from parlor.tools.mcp.specs import ServerSpec, ToolDefinition

Status = Literal["idle", "connecting", "ready", "failed", "circuit_open", "sign_in", "disabled"]
"""idle: not looked at yet. sign_in: nobody has signed in there yet, so that its tools are not known. circuit_open: it failed so often that it is left alone."""


class Known(msgspec.Struct, frozen=True):
    """As the owner wrote it. `version` differs when its program has changed, `header_names` are all that is shown of headers."""

    spec: ServerSpec
    is_enabled: bool = True
    problem: str | None = None
    probe: HealthProbe | None = None
    version: str = ""
    header_names: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        return self.is_enabled and self.problem is None


class Look(msgspec.Struct, frozen=True):
    """What one look found: the tools by name, or an error; `left_out` are those that no model can be shown, and why."""

    at: float
    took_ms: float
    definitions: Mapping[str, ToolDefinition] = msgspec.field(default_factory=dict[str, ToolDefinition])
    left_out: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    error: str | None = None
    sign_in_url: str | None = None

    @property
    def is_good(self) -> bool:
        return self.error is None


class ToolState(msgspec.Struct, frozen=True):
    """One tool of a server, as it is shown. `name` is the house's; None for one that is not offered. `reason` says why it is not."""

    tool: str
    status: PinState | Literal["left_out"]
    name: str | None
    definition: ToolDefinition | None = None
    approved_hash: str | None = None
    pending: ToolDefinition | None = None
    pending_hash: str | None = None
    reason: str | None = None


class ServerState(msgspec.Struct, frozen=True):
    known: Known
    status: Status
    tools: tuple[ToolState, ...] = ()
    last_error: str | None = None
    took_ms: float | None = None

    @property
    def is_failed(self) -> bool:
        return self.status in ("failed", "circuit_open")
