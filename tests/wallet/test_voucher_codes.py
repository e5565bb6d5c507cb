"""Codes that people read aloud, copy from paper and type on a telephone."""

from hypothesis import given
from hypothesis import strategies as st

from parlor.wallet.voucher_codes import ALPHABET, end_of, hash_of_code, is_suitable, make_code, normalise

RANDOM = st.binary(min_size=32, max_size=32)


@given(RANDOM)
def test_a_code_is_four_groups_of_characters_that_do_not_look_alike(random: bytes) -> None:
    code = make_code(random)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert set(code) <= {*ALPHABET, "-"}
    assert is_suitable(code)


@given(RANDOM, RANDOM)
def test_all_of_80_bits_are_in_it(one: bytes, other: bytes) -> None:
    assert (make_code(one) == make_code(other)) == (one[:10] == other[:10])
    assert len(set(ALPHABET)) ** 16 == 2**80


@given(RANDOM)
def test_case_dashes_and_look_alikes_make_no_difference(random: bytes) -> None:
    code = make_code(random)
    mistyped = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert hash_of_code(mistyped) == hash_of_code(code) == hash_of_code(f" {normalise(code)}\u005f")


@given(st.text())
def test_any_text_can_be_tried(text: str) -> None:
    assert len(hash_of_code(text)) == 32


def test_half_a_surrogate_can_be_tried() -> None:
    assert len(hash_of_code("\ud800")) == 32


def test_what_may_be_chosen() -> None:
    assert all(map(is_suitable, ("SPRING-2027", "abcd", "A_B C-D", "x" * 64)))
    assert not any(map(is_suitable, ("", "abc", "-" * 20, "x" * 65, "grün-2027", "SPRING!2027", "١٢٣٤", "a\nbcd")))


def test_what_is_shown_of_a_code_is_a_quarter_at_most() -> None:
    assert [end_of(code) for code in ("7QJ2-M4XK-0RTB-9WDC", "welcome1", "abcd", "x" * 64)] == ["9WDC", "E1", "D", "XXXX"]
