"""How the providers are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parlor.core.health import Check, Health, Status
from parlor.llm.registry import ModelRegistry, ProviderState

_LOOK_SECONDS = 1.5


@dataclass(frozen=True)
class LlmHealth:
    registry: ModelRegistry

    async def look(self) -> Health:
        """Down when no configured provider answers, degraded when some do not. Without providers the built-in model is all there should be."""
        try:
            states = await asyncio.wait_for(self.registry.providers(), _LOOK_SECONDS)
        except TimeoutError:
            return Health(Status.DEGRADED, "A provider has not answered yet.", "Look again in a few seconds.")
        details: Mapping[str, Any] = {"providers": {state.name: _details(state) for state in states}}
        if not states:
            advice = "Only the built-in parlor/offline answers. Set OPENAI_API_KEY, GEMINI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST to connect a model."
            return Health(Status.OK, advice=advice, details=details)
        broken = [state for state in states if not state.is_reachable]
        if not broken:
            return Health(Status.OK, details=details)
        status = Status.DOWN if len(broken) == len(states) else Status.DEGRADED
        advice = f"Check the base URL and the key of {', '.join(state.name for state in broken)}: parlor llm models shows what answers."
        return Health(status, f"{broken[0].name}: {broken[0].error}", advice, details)


def _details(state: ProviderState) -> dict[str, Any]:
    return {"status": Status.OK if state.is_reachable else Status.DOWN, "models": state.models, "last_error": state.error}


def checks(registry: ModelRegistry) -> Sequence[Check]:
    return (Check("llm", LlmHealth(registry).look),)
