"""What a turn costs, told from its log alone: each step at the price of the model that answered it."""

from collections.abc import Sequence

import pytest

from parlor.llm import Offer, Usage
from parlor.turns.events import LogEvent, ModelFallback, StepStarted, TextDelta, UsageReported
from parlor.turns.metering import Bill, bill_of
from parlor.wallet import Price

FIRST = Offer("a/x", Price(1_000_000, 2_000_000))
SECOND = Offer("b/y", Price(10_000_000, 20_000_000))
FELL_BACK = ModelFallback("a/x", "b/y", "provider_error", 10_000_000, 20_000_000)


def bill(*events: LogEvent, is_accepted: bool = False) -> Bill:
    return bill_of(events, FIRST, is_accepted=is_accepted)


def reported(input_tokens: int, output_tokens: int) -> UsageReported:
    return UsageReported(input_tokens, output_tokens, 0, 0)


@pytest.mark.parametrize(
    ("events", "is_accepted", "cost_micros", "answered_by"),
    [
        ([], False, 0, FIRST),
        ([StepStarted(1, 100)], False, 0, FIRST),
        ([StepStarted(1, 100)], True, 100, FIRST),
        ([StepStarted(1, 100), TextDelta("abcd")], False, 102, FIRST),
        ([StepStarted(1, 100), reported(10, 1)], True, 12, FIRST),
        ([StepStarted(1, 100), FELL_BACK], False, 0, SECOND),
        ([StepStarted(1, 100), FELL_BACK], True, 1000, SECOND),
        ([StepStarted(1, 100), FELL_BACK, TextDelta("abcd")], False, 1020, SECOND),
        ([StepStarted(1, 100), FELL_BACK, reported(10, 1)], True, 120, SECOND),
        ([StepStarted(1, 100), reported(10, 1), StepStarted(2, 200), FELL_BACK, reported(30, 3)], True, 12 + 200 + 40, SECOND),
        ([StepStarted(1, 100), FELL_BACK, reported(10, 1), StepStarted(2, 200), reported(30, 3)], True, 120 + 20 + 4, FIRST),
        ([StepStarted(1, 100), FELL_BACK, reported(10, 1), StepStarted(2, 200)], True, 120 + 200, FIRST),
    ],
)
def test_each_step_is_paid_for_at_the_price_of_who_answered_it(events: Sequence[LogEvent], is_accepted: bool, cost_micros: int, answered_by: Offer) -> None:
    found = bill(*events, is_accepted=is_accepted)
    assert (found.cost_micros, found.answered_by) == (cost_micros, answered_by)


def test_a_charge_at_two_prices_names_both() -> None:
    two = bill(StepStarted(1, 100), reported(10, 1), StepStarted(2, 200), FELL_BACK, reported(30, 3))
    assert two.explain() == f"a/x: {FIRST.price.explain(10, 1)}; b/y: {SECOND.price.explain(20, 2)}"
    assert two.usage == Usage(30, 3)
    assert bill(StepStarted(1, 100), reported(10, 1)).explain() == FIRST.price.explain(10, 1)
    assert bill().explain() == FIRST.price.explain(0, 0)


def test_what_is_held_for_the_next_step_is_rounded_with_what_that_model_used_before() -> None:
    cheap = Offer("a/x", Price(1, 1))
    used = bill_of([StepStarted(1, 100), reported(10, 1)], cheap, is_accepted=True)
    assert used.cost_micros == used.cost_micros_with(cheap, Usage(10, 1)) == 1
    assert used.cost_micros_with(SECOND, Usage(10, 1)) == 1 + 120
