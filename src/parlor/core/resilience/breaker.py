"""A circuit breaker: after some failures in a row nobody waits for a neighbour any more, and one call at a time finds out when it is back."""

import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType

import msgspec

from parlor.core.errors import Unavailable


class BreakerState(StrEnum):
    CLOSED = "closed"
    """Calls go through."""
    OPEN = "open"
    """Calls are refused at once."""
    HALF_OPEN = "half_open"
    """The next call is a probe: its end decides, and the others are refused until then."""


class BreakerStatus(msgspec.Struct, frozen=True):
    """For health: `failures` in a row so far, what the last one said, and how long calls are refused yet (0 when they are not)."""

    state: BreakerState
    failures: int
    last_error: str | None
    retry_after_seconds: float


class CircuitOpen(Unavailable):
    """Nothing was sent. Carries `retry_after_seconds`."""

    code = "unavailable.circuit_open"


def _any(_: Exception) -> bool:
    return True


class CircuitBreaker:
    """One per neighbour. For one event loop: nothing here is locked, because nothing is awaited between a look and its consequence.

        async with breaker.attempt():
            ...  # one call

    `counts` are the errors that speak against the neighbour, and of those only the ones that `speaks_against` agrees to. Any other exception proves
    nothing (a wrong request, a cancelled task): it changes no count, and a probe that ends so leaves its place to the next. The end of a call that began
    before the circuit last opened or closed counts no more: slow failures of an outage must not open the circuit again after it is over.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        open_seconds: float = 60,
        counts: type[Exception] | tuple[type[Exception], ...] = Exception,
        speaks_against: Callable[[Exception], bool] = _any,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or open_seconds < 0:
            raise ValueError("a breaker opens after one failure or more, and stays open for no negative time")
        self.name = name
        self._most_failures = failures
        self._open_seconds = open_seconds
        self._counts = counts
        self._speaks_against = speaks_against
        self._monotonic = monotonic
        self._failures = 0
        self._last_error: str | None = None
        self._opened_at: float | None = None
        self._is_probing = False
        self._era = 0

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._seconds_left() > 0 else BreakerState.HALF_OPEN

    @property
    def status(self) -> BreakerStatus:
        return BreakerStatus(self.state, self._failures, self._last_error, self._seconds_left())

    def attempt(self) -> "Attempt":
        """Around one call. Raises `CircuitOpen` on entering instead of letting it begin."""
        return Attempt(self)

    def begin(self) -> tuple[int, bool]:
        """The era that the call belongs to, and whether it is a probe."""
        state = self.state
        if state is BreakerState.CLOSED:
            return self._era, False
        if state is BreakerState.OPEN or self._is_probing:
            raise CircuitOpen(f"{self.name} has failed repeatedly and is left alone for a moment.", retry_after_seconds=max(1.0, self._seconds_left()))
        self._is_probing = True
        return self._era, True

    def end(self, era: int, error: BaseException | None, *, is_probe: bool) -> None:
        if era == self._era:
            if error is None:
                self._succeed()
            elif isinstance(error, self._counts) and self._speaks_against(error):
                self._fail(error, is_probe)
        if is_probe:
            self._is_probing = False

    def _fail(self, error: Exception, is_probe: bool) -> None:
        self._failures += 1
        self._last_error = str(error) or type(error).__name__
        if is_probe or self._failures >= self._most_failures:
            self._opened_at = self._monotonic()
            self._era += 1

    def _succeed(self) -> None:
        self._failures = 0
        if self._opened_at is not None:
            self._opened_at = None
            self._era += 1

    def _seconds_left(self) -> float:
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_seconds - self._monotonic())


class Attempt:
    """One call. A class and not a generator: it is around every call of a model."""

    __slots__ = ("_breaker", "_era", "is_probe")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._era = -1
        self.is_probe = False

    async def __aenter__(self) -> "Attempt":
        self._era, self.is_probe = self._breaker.begin()
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        self._breaker.end(self._era, error, is_probe=self.is_probe)

    def prove(self) -> None:
        """The neighbour is back, though this call is not over: for a probe that may take minutes, while everybody else is refused."""
        if self.is_probe:
            self._breaker.end(self._era, None, is_probe=True)
            self.is_probe = False
