"""What a provider's protocol is to the rest of the adapters."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import msgspec

from parlor.llm.endpoints import Endpoint
from parlor.llm.ports import ModelMessage, ModelRequest
from parlor.llm.providers.reading import Reading


class Target(msgspec.Struct, frozen=True):
    """One model at one endpoint. `model` is its name there; `context_tokens` is what the operator wants it to read, where the server must be told."""

    endpoint: Endpoint
    model: str
    max_output_tokens: int
    context_tokens: int | None = None

    @property
    def name(self) -> str:
        return f"{self.endpoint.provider}/{self.model}"


def state_of(message: ModelMessage, target: Target) -> Mapping[str, Any]:
    """What this very model wants to see again with that message of its own; empty when there is nothing."""
    state = message.provider_state
    return state.value if state is not None and state.model == target.name else {}


class Wire(Protocol):
    @property
    def content_types(self) -> Collection[str]:
        """How a stream calls itself."""
        ...

    def url_of(self, target: Target) -> str: ...

    def body_of(self, request: ModelRequest, target: Target) -> dict[str, Any]:
        """The body of a request for a streamed answer. Raises UnsupportedInput."""
        ...

    def open(self, target: Target) -> Reading[Any]:
        """Ready for the first bytes of one answer."""
        ...
