import sys
import time

import pytest

from parlor.llm import estimate_tokens


def test_nothing_has_no_tokens_and_anything_has_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("\u200d") >= 1
    assert estimate_tokens("\ud800") >= 1


@pytest.mark.parametrize(
    ("text", "least", "most"), [("The quick brown fox jumps over the lazy dog. " * 10, 90, 130), ("你好世界" * 25, 70, 130), ("Привет мир " * 10, 30, 75)]
)
def test_an_estimate_is_near_what_tokenizers_count(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


@pytest.mark.parametrize("text", ["a" * 1_000_000, "漢" * 1_000_000, "\u200d" * 1_000_000, "👩‍👩‍👧" * 200_000, " " * 1_000_000])
def test_a_million_characters_take_no_time_whatever_they_are(text: str) -> None:
    """SEC-32: tokenizers take minutes for some of these. The bound is wide; the real figure is a millisecond or two."""
    began = time.process_time()

    estimate_tokens(text)

    assert time.process_time() - began < 0.3


@pytest.mark.parametrize("character", ["a", "漢", "\u200d", " "])
def test_the_work_of_an_estimate_is_the_same_few_calls_for_a_short_and_a_long_text(character: str) -> None:
    """Nothing is done for each character in Python, so it may be done on the loop."""

    def calls_for(text: str) -> int:
        seen = 0

        def count(_frame: object, event: str, _arg: object) -> None:
            nonlocal seen
            seen += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            estimate_tokens(text)
        finally:
            sys.setprofile(None)
        return seen

    assert calls_for(character * 1_000_000) == calls_for(character * 10) < 10
