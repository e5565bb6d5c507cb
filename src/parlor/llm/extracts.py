"""A text in fewer of its own words."""

import re
from collections import Counter
from collections.abc import Sequence

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_WORD = re.compile(r"[^\W\d_]{4,}")
_MOST_SENTENCES = 500


def sentences_of(text: str) -> list[str]:
    """The first 500."""
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()][:_MOST_SENTENCES]


def weightiest(text: str, sentences: Sequence[str], most: int) -> list[str]:
    """Those whose words come up most in the text, in their order: extracts, not a paraphrase."""
    counts = Counter(word.lower() for word in _WORD.findall(text))

    def weight(sentence: str) -> float:
        inside = [counts[word.lower()] for word in _WORD.findall(sentence)]
        return sum(inside) / (len(inside) + 3)

    best = sorted(range(len(sentences)), key=lambda at: (-weight(sentences[at]), at))[:most]
    return [sentences[at] for at in sorted(best)]
