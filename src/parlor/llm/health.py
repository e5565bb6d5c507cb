"""How the providers are."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parlor.core.health import Check, Health, Status
from parlor.core.resilience import BreakerState
from parlor.llm.endpoints import PUBLIC_BASE_URLS, Kind
from parlor.llm.registry import ModelRegistry, ProviderState
from parlor.llm.routing.guards import Guards

_LOOK_SECONDS = 1.5
_BADNESS = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)


class LlmHealth(msgspec.Struct, frozen=True):
    """Of all providers, or of those of one kind."""

    registry: ModelRegistry
    kind: Kind | None = None

    async def look(self) -> Health:
        """Down when no configured provider answers, degraded when some do not. Without providers the built-in model is all there should be."""
        if self.kind is not None and self.kind not in self.registry.kinds:
            return Health(Status.OFF)
        try:
            found = await asyncio.wait_for(self.registry.providers(), _LOOK_SECONDS)
            states = [state for state in found if self.kind in (None, state.kind)]
        except TimeoutError:
            return Health(Status.DEGRADED, "A provider has not answered yet.", "Look again in a few seconds.")
        details: Mapping[str, Any] = {"providers": {state.name: {**_details(state), **guard_of(self.registry.guards, state.name)} for state in states}}
        if not states:
            advice = "Only the built-in parlor/offline answers. Set OPENAI_API_KEY, GEMINI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST to connect a model."
            return Health(Status.OK, advice=advice, details=details)
        broken = [state for state in states if not state.is_reachable]
        if not broken:
            return _by_breakers(self.registry.guards, states, details)
        status = Status.DOWN if len(broken) == len(states) else Status.DEGRADED
        advice = f"{advice_for(', '.join(state.name for state in broken))}: parlor llm health shows what answers."
        return Health(status, f"{broken[0].name}: {broken[0].error}", advice, details)


def advice_for(providers: str) -> str:
    return f"Check the base URL and the key of {providers}"


def _by_breakers(guards: Guards, states: Sequence[ProviderState], details: Mapping[str, Any]) -> Health:
    """A provider may list its models well and fail whenever one is called."""
    left_alone = [(name, status) for state in states for name, status in guards.breakers_of(state.name).items() if status.state is not BreakerState.CLOSED]
    if not left_alone:
        return Health(Status.OK, details=details)
    name, status = left_alone[0]
    advice = f"Calls of {', '.join(each for each, _ in left_alone)} are refused until a probe succeeds; llm.models has `fallbacks` for such times."
    return Health(Status.DEGRADED, f"{name}: {status.last_error}", advice, details)


def guard_of(guards: Guards, provider: str) -> dict[str, Any]:
    """`breaker` is the worst of its models'; `breakers` are those that have something to tell."""
    breakers = guards.breakers_of(provider)
    calls, most = guards.calls_of(provider)
    worst = max((status.state for status in breakers.values()), key=_BADNESS.index, default=BreakerState.CLOSED)
    return {
        "breaker": worst.value,
        "breakers": {
            name: {
                "state": status.state.value,
                "failures": status.failures,
                "last_error": status.last_error,
                "retry_after_seconds": round(status.retry_after_seconds, 1),
            }
            for name, status in breakers.items()
        },
        "calls": calls,
        "most_calls": most,
    }


def _details(state: ProviderState) -> dict[str, Any]:
    return {
        "kind": state.kind,
        "status": Status.OK if state.is_reachable else Status.DOWN,
        "models": state.models,
        "latency_ms": state.latency_ms,
        "last_error": state.error,
    }


def checks(registry: ModelRegistry) -> Sequence[Check]:
    """One for all providers, and one for those of each kind, which is off where there is none."""
    return (Check("llm", LlmHealth(registry).look), *(Check(kind, LlmHealth(registry, kind).look) for kind in PUBLIC_BASE_URLS))
