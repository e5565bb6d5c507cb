"""What tokens cost: whole micro-credits, rounded up, never below zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parlor.wallet import Price, WalletSettings
from parlor.wallet.price import MOST_MICROS

COUNTS = st.integers(min_value=0, max_value=10**12)
PRICES = st.builds(Price, st.integers(0, MOST_MICROS), st.integers(0, MOST_MICROS))


@pytest.mark.parametrize(
    ("prices", "tokens", "cost"),
    [
        ((1_000_000, 3_000_000), (0, 0), 0),
        ((1_000_000, 3_000_000), (1, 0), 1),
        ((1_000_000, 3_000_000), (10, 20), 70),
        ((1_000_000, 3_000_000), (1_000_000, 1_000_000), 4_000_000),
        ((1, 0), (1, 0), 1),
        ((1, 0), (1_000_000, 0), 1),
        ((1, 0), (1_000_001, 0), 2),
        ((1, 1), (1, 1), 1),
        ((500_000, 500_000), (1, 1), 1),
        ((500_000, 500_000), (1, 2), 2),
        ((0, 0), (10**9, 10**9), 0),
        ((2_500_000, 10_000_000), (333, 777), 8603),
        ((150_000, 600_000), (7, 3), 3),
        ((3, 7), (-5, -5), 0),
        ((1_000_000, 1_000_000), (-1000, 5), 5),
    ],
)
def test_a_cost_is_rounded_up_once(prices: tuple[int, int], tokens: tuple[int, int], cost: int) -> None:
    assert Price(*prices).cost_micros(*tokens) == cost


@given(PRICES, COUNTS, COUNTS)
def test_a_cost_is_the_exact_one_or_less_than_one_above_it(price: Price, input_tokens: int, output_tokens: int) -> None:
    exact_millionths = input_tokens * price.input_micros_per_mtok + output_tokens * price.output_micros_per_mtok
    cost_micros = price.cost_micros(input_tokens, output_tokens)
    assert type(cost_micros) is int
    assert 0 <= cost_micros * 1_000_000 - exact_millionths < 1_000_000


@given(PRICES, COUNTS, COUNTS, COUNTS)
def test_more_tokens_never_cost_less(price: Price, input_tokens: int, output_tokens: int, more: int) -> None:
    assert price.cost_micros(input_tokens, output_tokens + more) >= price.cost_micros(input_tokens, output_tokens)


@pytest.mark.parametrize("wrong", [-1, 1.5, MOST_MICROS + 1, float("nan"), "many", None])
def test_a_price_is_a_whole_number_from_zero_up(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Price(wrong, 0)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Price(0, wrong)  # type: ignore[arg-type]


def test_a_price_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({"input_micros_per_mtok": 1, "output_micros_per_mtok": 1, "currency": "EUR"})


def test_a_price_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Price(1, 2).input_micros_per_mtok = 0  # type: ignore[misc]


def test_an_explanation_names_both_counts_and_both_prices() -> None:
    explanation = Price(1_000_000, 3_000_000).explain(12, 34)
    assert all(text in explanation for text in ("12 input tokens", "1000000", "34 output tokens", "3000000"))


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = WalletSettings()
    assert settings.initial_bonus_micros == 5_000_000
    assert settings.default_price == Price(1_000_000, 3_000_000)
    assert settings.hold_ttl_seconds == 900
    assert not settings.assume_accepted


def test_a_price_can_be_set_like_any_other_setting() -> None:
    given_as_text = WalletSettings.model_validate({"default_price": {"input_micros_per_mtok": "5", "output_micros_per_mtok": "7"}})
    assert given_as_text.default_price == Price(5, 7)
