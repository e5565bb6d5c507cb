"""The built-in embedder: how far one gets without a model."""

import time

import pytest

from parlor.llm.embeddings.offline import MAX_READ_CHARS, vector_of
from tests.llm.embeddings.conftest import cosine

PASSAGES = {
    "refund": "Customers may return an article within thirty days and get a full refund of the price.",
    "shipping": "We ship parcels to all countries of the European Union; delivery takes three to five days.",
    "password": "To reset your password, open the sign-in page and follow the link that we send to your e-mail address.",
    "embedding": "An embedding is a list of numbers. Texts whose embeddings point the same way have something to do with each other.",
    "german": "Die Rechnung finden Sie im Kundenbereich unter dem Punkt Bestellungen.",
    "chinese": "您可以在三十天内退货并获得全额退款。",
}


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("How do I get a refund?", "refund"),
        ("How long does delivery take, and do you ship to Europe?", "shipping"),
        ("I forgot my password, how can I reset it?", "password"),
        ("passwort reset", "password"),
        ("What are embeddings?", "embedding"),
        ("Wo ist meine Rechnung?", "german"),
        ("怎么退款", "chinese"),
    ],
)
def test_it_finds_what_shares_words_or_spellings(question: str, found: str) -> None:
    asked = vector_of(question)
    assert max(PASSAGES, key=lambda name: cosine(asked, vector_of(PASSAGES[name]))) == found


def test_vectors_have_length_one_also_of_what_has_no_words() -> None:
    for text in ("a", "the", "!?", " ", "\x00", "🎉", "word " * 1000, "_"):
        vector = vector_of(text)
        assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-5)
    assert vector_of("!?") != vector_of("?!")


def test_the_numbers_never_change() -> None:
    """They are stored: what was embedded by an earlier release must be found by a later one."""
    vector = vector_of("Parlor keeps its word.")
    strongest = sorted(range(len(vector)), key=lambda at: -abs(vector[at]))[:3]
    assert {at: round(vector[at], 4) for at in strongest} == {153: 0.5268, 248: 0.5268, 354: 0.3977}


def test_only_the_beginning_of_a_long_text_counts_and_it_is_quick() -> None:
    text = " ".join(f"word{number}" for number in range(200_000))
    began = time.monotonic()
    assert vector_of(text) == vector_of(text[:MAX_READ_CHARS])
    assert time.monotonic() - began < 2
