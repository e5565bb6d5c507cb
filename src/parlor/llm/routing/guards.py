"""What stands between us and a model that is down or slow: a breaker for each model, a bulkhead for each provider."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from parlor.core.resilience import Attempt, BreakerState, BreakerStatus, Bulkhead, BulkheadFull, CircuitBreaker, CircuitOpen
from parlor.llm.errors import ModelFailed
from parlor.llm.settings import LlmSettings

_MAX_BREAKERS = 1_000
"""A provider that lists nothing takes any name."""


class Guard:
    """Of one model."""

    def __init__(self, breaker: CircuitBreaker, bulkhead: Bulkhead) -> None:
        self._breaker = breaker
        self._bulkhead = bulkhead

    @asynccontextmanager
    async def call(self) -> AsyncGenerator[Attempt]:
        """Around one call. Raises ModelFailed on entering, with the fact `cause` (circuit_open, bulkhead_full)."""
        async with AsyncExitStack() as stack:
            try:
                attempt = await stack.enter_async_context(self._breaker.attempt())
                await stack.enter_async_context(self._bulkhead.place())
            except CircuitOpen as error:
                detail = "The model's provider has failed repeatedly and is left alone for a moment."
                raise ModelFailed("provider_unreachable", detail, fault="refusal", cause="circuit_open", retry_after_seconds=_wait_of(error)) from error
            except BulkheadFull as error:
                detail = "As many calls as may be are waiting for the model's provider."
                raise ModelFailed("provider_rate_limited", detail, cause="bulkhead_full", retry_after_seconds=_wait_of(error)) from error
            yield attempt


def _wait_of(error: CircuitOpen | BulkheadFull) -> float:
    return error.facts["retry_after_seconds"]


def _is_outage(error: Exception) -> bool:
    return isinstance(error, ModelFailed) and error.fault == "outage"


class Guards:
    """All of them: one breaker for each (provider, model), so that one model that is down takes no other with it."""

    def __init__(self, settings: LlmSettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._breakers: dict[str, CircuitBreaker] = {}
        wait_seconds = settings.timeouts.queue_seconds
        self._bulkheads = {name: Bulkhead(name, provider.concurrency, wait_seconds) for name, provider in settings.providers.items()}

    def of(self, model: str) -> Guard:
        """`model` is a full name, of a provider in the settings."""
        return Guard(self._breaker(model), self._bulkheads[model.partition("/")[0]])

    def breakers_of(self, provider: str) -> dict[str, BreakerStatus]:
        """By model, those that have something to tell: calls that failed and none that went well since."""
        told = {name: breaker.status for name, breaker in self._breakers.items() if name.partition("/")[0] == provider}
        return {name: status for name, status in told.items() if status.failures or status.state is not BreakerState.CLOSED}

    def calls_of(self, provider: str) -> tuple[int, int]:
        """How many are under way, and how many may be."""
        bulkhead = self._bulkheads[provider]
        return bulkhead.in_use, bulkhead.most

    def _breaker(self, model: str) -> CircuitBreaker:
        found = self._breakers.get(model)
        if found is None:
            if len(self._breakers) >= _MAX_BREAKERS:
                self._forget_the_well()
            limits = self._settings.breaker
            found = self._breakers[model] = CircuitBreaker(
                model,
                failures=limits.failures,
                open_seconds=limits.open_seconds,
                counts=ModelFailed,
                speaks_against=_is_outage,
                monotonic=self._monotonic,
            )
        return found

    def _forget_the_well(self) -> None:
        for name, breaker in list(self._breakers.items()):
            if not breaker.status.failures:
                del self._breakers[name]
