"""The circuit breaker, by examples and against a model."""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Calls
from hypothesis.stateful import RuleBasedStateMachine, consumes, invariant, precondition, rule

from parlor.core.resilience import BreakerState, CircuitBreaker, CircuitOpen

FAILURES = 3
OPEN_SECONDS = 10.0


class Down(Exception):
    """The neighbour's fault."""


class Wrong(Exception):
    """Ours."""


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> CircuitBreaker:
    return CircuitBreaker("the neighbour", failures=FAILURES, open_seconds=OPEN_SECONDS, counts=Down, monotonic=seconds)


async def call(breaker: CircuitBreaker, error: Exception | None = None) -> None:
    async with breaker.attempt():
        if error is not None:
            raise error


async def fail(breaker: CircuitBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        with pytest.raises(Down):
            await call(breaker, Down("no answer"))


async def test_failures_in_a_row_open_it_and_nothing_is_called_any_more(breaker: CircuitBreaker, seconds: Seconds) -> None:
    await fail(breaker, FAILURES - 1)
    assert breaker.state is BreakerState.CLOSED
    await fail(breaker, 1)
    assert (breaker.state, breaker.status.last_error, breaker.status.failures) == (BreakerState.OPEN, "no answer", FAILURES)
    seconds.now += 4
    with pytest.raises(CircuitOpen) as refused:
        await call(breaker)
    assert refused.value.facts["retry_after_seconds"] == OPEN_SECONDS - 4
    assert breaker.status.retry_after_seconds == OPEN_SECONDS - 4


async def test_a_success_between_failures_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    await fail(breaker, FAILURES - 1)
    await call(breaker)
    await fail(breaker, FAILURES - 1)
    assert breaker.state is BreakerState.CLOSED


async def test_errors_that_are_not_the_neighbours_count_neither_way(breaker: CircuitBreaker) -> None:
    await fail(breaker, FAILURES - 1)
    with pytest.raises(Wrong):
        await call(breaker, Wrong())
    assert breaker.status.failures == FAILURES - 1
    await fail(breaker, 1)
    assert breaker.state is BreakerState.OPEN


@pytest.mark.parametrize("probe_fails", [True, False])
async def test_one_probe_at_a_time_decides(breaker: CircuitBreaker, seconds: Seconds, probe_fails: bool) -> None:
    await fail(breaker)
    seconds.now += OPEN_SECONDS
    assert breaker.state is BreakerState.HALF_OPEN
    answered = asyncio.Event()

    async def probe() -> None:
        async with breaker.attempt():
            await answered.wait()
            if probe_fails:
                raise Down

    running = asyncio.create_task(probe())
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(CircuitOpen):
            await call(breaker)
    answered.set()
    with suppress(Down):
        await running
    assert breaker.state is (BreakerState.OPEN if probe_fails else BreakerState.CLOSED)
    assert breaker.status.retry_after_seconds == (OPEN_SECONDS if probe_fails else 0)


@pytest.mark.parametrize("ending", [Wrong(), asyncio.CancelledError()])
async def test_a_probe_that_proves_nothing_leaves_its_place_to_the_next(breaker: CircuitBreaker, seconds: Seconds, ending: BaseException) -> None:
    await fail(breaker)
    seconds.now += OPEN_SECONDS
    with pytest.raises(type(ending)):
        async with breaker.attempt():
            raise ending
    assert breaker.state is BreakerState.HALF_OPEN
    await call(breaker)
    assert breaker.state is BreakerState.CLOSED


async def test_what_began_before_the_outage_ended_says_nothing_about_now(breaker: CircuitBreaker, seconds: Seconds) -> None:
    slow = [breaker.attempt() for _ in range(FAILURES)]
    for each in slow:
        await each.__aenter__()
    await fail(breaker)
    seconds.now += OPEN_SECONDS
    await call(breaker)
    for each in slow:
        assert not await each.__aexit__(Down, Down(), None)
    assert (breaker.state, breaker.status.failures) == (BreakerState.CLOSED, 0)


@pytest.mark.parametrize(("failures", "open_seconds"), [(0, 1), (1, -1)])
def test_senseless_numbers_are_refused(failures: int, open_seconds: float) -> None:
    with pytest.raises(ValueError, match="a breaker"):
        CircuitBreaker("x", failures=failures, open_seconds=open_seconds)


def at_once(coroutine: object) -> None:
    """Runs what awaits nothing."""
    with suppress(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]


class Overlapping(RuleBasedStateMachine):
    """Calls that begin and end in any order while time passes. The model is a dozen lines of its own."""

    calls = Calls("calls")

    def __init__(self) -> None:
        super().__init__()
        self.seconds = Seconds()
        self.breaker = CircuitBreaker("it", failures=FAILURES, open_seconds=OPEN_SECONDS, counts=Down, monotonic=self.seconds)
        self.in_a_row = 0
        self.turn = 0
        self.opened_at: float | None = None
        self.probe: object | None = None

    def is_blocked(self) -> bool:
        return self.opened_at is not None and (self.seconds.now < self.opened_at + OPEN_SECONDS or self.probe is not None)

    @rule(target=calls)
    def begin(self) -> tuple[AbstractAsyncContextManager[None], int] | None:
        attempt = self.breaker.attempt()
        if self.is_blocked():
            with pytest.raises(CircuitOpen):
                at_once(attempt.__aenter__())
            return None
        at_once(attempt.__aenter__())
        if self.opened_at is not None:
            self.probe = attempt
        return attempt, self.turn

    @rule(call=consumes(calls), ending=st.sampled_from([None, Down("x"), Wrong("y")]))
    def end(self, call: tuple[AbstractAsyncContextManager[None], int] | None, ending: Exception | None) -> None:
        if call is None:
            return
        attempt, begun_in = call
        with suppress(Down, Wrong):
            at_once(attempt.__aexit__(type(ending) if ending else None, ending, None))
        was_probe, self.probe = self.probe is attempt, None if self.probe is attempt else self.probe
        if begun_in != self.turn or isinstance(ending, Wrong):
            return
        if ending is None:
            self.in_a_row = 0
            if self.opened_at is not None:
                self.opened_at, self.turn = None, self.turn + 1
        else:
            self.in_a_row += 1
            if was_probe or self.in_a_row >= FAILURES:
                self.opened_at, self.turn = self.seconds.now, self.turn + 1

    @rule(passing=st.sampled_from([1.0, OPEN_SECONDS / 2, OPEN_SECONDS]))
    def wait(self, passing: float) -> None:
        self.seconds.now += passing

    @precondition(lambda self: self.opened_at is not None)
    @invariant()
    def refuses_while_open(self) -> None:
        assert self.breaker.state is not BreakerState.CLOSED

    @invariant()
    def agrees_with_the_model(self) -> None:
        assert (self.breaker.state is BreakerState.CLOSED) == (self.opened_at is None)
        assert self.breaker.status.failures == self.in_a_row


TestOverlapping = Overlapping.TestCase
