"""Running the health checks of all modules: at once, each bounded, each at most once in a while however many ask."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

from parlor.core.clock import Clock
from parlor.core.collected import Checks
from parlor.core.errors import NotFound
from parlor.core.health import Check, Health, Status
from parlor.core.log import get_logger
from parlor.core.redaction import redact, scrub
from parlor.ops.settings import OpsSettings

ESSENTIAL = "database"
"""Without this part nothing works; without any other the house is degraded."""

log = get_logger("parlor.ops")


class NoSuchComponent(NotFound):
    code = "health.no_such_component"
    detail = "There is no part of that name, or its module is off."


class Observation(msgspec.Struct, frozen=True):
    """What one check said, when, and how long it took. Nothing in it is secret."""

    name: str
    status: Status
    checked_at: datetime
    latency_ms: float
    last_error: str | None
    advice: str | None
    details: Mapping[str, Any]


class _Watched:
    """One check with its last result."""

    def __init__(self, check: Check, clock: Clock, settings: OpsSettings) -> None:
        self._check = check
        self._clock = clock
        self._settings = settings
        self._running: asyncio.Task[Observation] | None = None
        self._last: Observation | None = None
        self._until = 0.0

    async def look(self) -> Observation:
        now = asyncio.get_running_loop().time()
        if self._last is not None and now < self._until:
            return self._last
        if self._running is None:
            self._running = asyncio.create_task(self._look(), name=f"health of {self._check.name}")
            self._running.add_done_callback(self._forget)
        # Shielded, because several may wait for the same look and one of them may go.
        return await asyncio.shield(self._running)

    def _forget(self, _: asyncio.Task[Observation]) -> None:
        self._running = None

    async def _look(self) -> Observation:
        started = perf_counter()
        health = await self._bounded()
        observation = Observation(
            name=self._check.name,
            status=health.status,
            checked_at=self._clock.now(),
            latency_ms=round((perf_counter() - started) * 1000, 2),
            last_error=None if health.last_error is None else scrub(health.last_error),
            advice=health.advice,
            details=redact(health.details),
        )
        self._last, self._until = observation, asyncio.get_running_loop().time() + self._settings.cache_seconds
        return observation

    async def _bounded(self) -> Health:
        seconds = self._settings.check_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._check.look()
        except TimeoutError:
            return Health(Status.DOWN, f"no answer within {seconds:g} s", "Look at what this part depends on: it hangs, or the machine is overloaded.")
        except Exception as error:
            log.warning("health check failed", component=self._check.name, exc_info=error)
            return Health(Status.DOWN, f"{type(error).__name__}: {error}", "The log has the details.")


class HealthBoard:
    def __init__(self, checks: Checks, clock: Clock, settings: OpsSettings) -> None:
        self._watched = {check.name: _Watched(check, clock, settings) for check in checks}

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._watched)

    async def look(self) -> list[Observation]:
        """All parts, looked at together: as slow as the slowest, and never slower than the bound."""
        return list(await asyncio.gather(*(each.look() for each in self._watched.values())))

    async def look_at(self, name: str) -> Observation:
        """Raises `NoSuchComponent`."""
        if name not in self._watched:
            raise NoSuchComponent
        return await self._watched[name].look()


def overall(observations: Sequence[Observation]) -> Status:
    """Down when the essential part is; degraded when any part that is on is not well."""
    if any(each.name == ESSENTIAL and each.status is Status.DOWN for each in observations):
        return Status.DOWN
    return Status.DEGRADED if any(each.status in (Status.DEGRADED, Status.DOWN) for each in observations) else Status.OK
