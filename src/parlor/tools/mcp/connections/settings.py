"""Settings of the connections to MCP servers."""

from pydantic import BaseModel, ConfigDict, Field


class McpConnectionSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(default=600, gt=0, description="A connection, with its process, is closed when nobody has used it this long.")
    lifetime_seconds: float = Field(default=24 * 3600, gt=0, description="A connection is replaced when it is this old, between two calls.")
    connections_most: int = Field(
        default=64, ge=1, description="Connections to one server at most, where each user has their own; the one longest unused makes room."
    )
    close_seconds: float = Field(default=2, gt=0, description="How long a process may take to end by itself, and then once more after SIGTERM.")
    failures_to_open_circuit: int = Field(default=5, ge=1, description="Failures in a row after which a server is left alone.")
    circuit_seconds: float = Field(default=30, ge=0, description="How long it is left alone then, before one call finds out whether it is back.")
    backoff_seconds: float = Field(default=0.2, ge=0, description="The pause after a first failure to connect. It doubles with each, up to ten seconds.")
    message_most_bytes: int = Field(default=8 * 2**20, ge=4096, description="The largest message that is taken from a server: a line, an event or a body.")
