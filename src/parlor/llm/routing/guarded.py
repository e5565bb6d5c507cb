"""A model behind its guard."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from parlor.llm.ports import Model, ModelEvent, ModelRequest
from parlor.llm.routing.guards import Guard

if TYPE_CHECKING:
    from parlor.core.resilience import Attempt
    from parlor.wallet import Price


class GuardedModel:
    """Refuses at once while the model's breaker is open, waits for a place at its provider, and tells the breaker how each answer ended."""

    def __init__(self, model: Model, guard: Guard) -> None:
        self._model = model
        self._guard = guard
        self.name = model.name
        self.context_tokens = model.context_tokens
        self.max_output_tokens = model.max_output_tokens

    @property
    def price(self) -> "Price":
        return self._model.price

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]:
        async with self._guard.call() as attempt, self._model.stream(request) as batches:
            yield _Probing(batches, attempt) if attempt.is_probe else batches


class _Probing:
    """The answer to a probe, which has shown what it is to show with its first words."""

    def __init__(self, batches: AsyncIterator[Sequence[ModelEvent]], attempt: "Attempt") -> None:
        self._batches = batches
        self._attempt = attempt

    def __aiter__(self) -> "_Probing":
        return self

    async def __anext__(self) -> Sequence[ModelEvent]:
        batch = await anext(self._batches)
        self._attempt.prove()
        return batch
