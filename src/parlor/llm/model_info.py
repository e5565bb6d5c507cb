"""What lists and health say about models and their providers."""

from typing import Any

import msgspec

from parlor.llm.capabilities import Capabilities
from parlor.llm.discovery import Listing
from parlor.llm.endpoints import Endpoint, Kind
from parlor.wallet import Price


class ModelInfo(msgspec.Struct, frozen=True):
    """One model as a list shows it."""

    name: str
    provider: str
    context_tokens: int
    max_output_tokens: int
    price: Price
    is_default: bool = False
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    capabilities: Capabilities = msgspec.field(default_factory=dict[Any, bool])
    fallbacks: tuple[str, ...] = ()


class ProviderState(msgspec.Struct, frozen=True):
    """What is known of a provider: how many models (None: it does not say), what the last look ran into and how long it took."""

    name: str
    base_url: str
    models: int | None
    is_reachable: bool
    error: str | None
    kind: Kind
    latency_ms: float


def state_of(name: str, endpoint: Endpoint, found: Listing) -> ProviderState:
    models = None if found.models is None else len(found.models)
    return ProviderState(name, endpoint.base_url, models, found.is_reachable, found.error, endpoint.kind, found.took_ms)


def startup_line(state: ProviderState) -> str:
    return f"Models of {state.name}: {state.models} at {state.base_url}" if state.error is None else f"Models of {state.name}: unknown. {state.error}"
