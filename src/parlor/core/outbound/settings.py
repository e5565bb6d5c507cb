"""What outbound calls may reach."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class OutboundSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: tuple[str, ...] = Field(
        default=(),
        description="Exact private hosts or addresses, with or without :port, that user-supplied URLs may reach. An entry without a port allows every port.",
    )
    ports: tuple[int, ...] = Field(default=(80, 443, 8080, 8443), description="Ports that user-supplied URLs may name on public hosts.")

    @field_validator("allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """An environment variable is one string: `10.0.0.5, intranet.example`."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("allow")
    @classmethod
    def _normalise(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wild := next((entry for entry in value if "*" in entry or "/" in entry), None):
            raise ValueError(f"{wild!r} is neither a host nor an address: list exact ones, without wildcards, networks or paths")
        return tuple(entry.lower() for entry in value)
