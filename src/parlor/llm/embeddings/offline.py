"""`parlor/offline-embed`: vectors without a model. It needs no network, costs nothing, and gives the same vector for the same text for ever."""

import asyncio
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from parlor.llm.embeddings.batches import check_texts
from parlor.llm.ports import EmbeddedBatch, Embeddings, Vector
from parlor.llm.tokens import estimate_tokens

if TYPE_CHECKING:
    from parlor.wallet import Price

NAME = "parlor/offline-embed"
DIMENSIONS = 384
MAX_READ_CHARS = 32_768

_WORD = re.compile(r"\w+")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u3040-\u30ff]")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by can do does for from had has have how i if in is it its me my no not of on or our so that the their there they this "
        "to was we were what when where which who why will with you your",
    )
)
_GRAM = 3
_GRAMS_WEIGHT = 0.6
"""What all the pieces of a word count together, beside the word itself: enough to find "embedding" by "embeddings", and not to find all that ends in -ing."""


class OfflineEmbedder:
    """Words and pieces of words, hashed into 384 numbers. Texts are near each other when they share words or spellings; it knows no meaning, so that
    "car" and "automobile" have nothing in common. Rare words count no more than frequent ones, except for a short list of English ones that hardly count.

    Reads the first 32 768 characters of a text.
    """

    name = NAME
    space = f"{NAME} 1"
    dimensions = DIMENSIONS
    is_remote = False

    def __init__(self, price_now: "Callable[[], Price]") -> None:
        self._price_now = price_now

    @property
    def price(self) -> "Price":
        return self._price_now()

    async def embed(self, texts: Sequence[str], tell: Callable[[EmbeddedBatch], None] | None = None) -> Embeddings:
        check_texts(texts)
        vectors = [await asyncio.to_thread(vector_of, text) for text in texts]
        batch = EmbeddedBatch(0, len(texts), vectors, sum(map(estimate_tokens, texts)))
        if tell is not None:
            tell(batch)
        return Embeddings(vectors, (batch,))


def vector_of(text: str) -> Vector:
    """Of length 1."""
    numbers = [0.0] * DIMENSIONS
    for feature, weight in _features(text[:MAX_READ_CHARS].casefold()):
        digest = crc32(feature.encode())
        numbers[digest % DIMENSIONS] += weight if digest & 0x8000_0000 else -weight
    length = math.sqrt(sum(number * number for number in numbers))
    if length == 0:  # nothing in it that is a word
        return vector_of(f"nothing {crc32(text.encode())}")
    return array("f", [number / length for number in numbers])


def _features(text: str) -> Iterator[tuple[str, float]]:
    """A word counts by the logarithm of how often it comes. Scripts without spaces are cut into characters and pairs of them."""
    for word, count in Counter(_WORD.findall(text)).items():
        weight = (1 + math.log(count)) * (0.1 if word in _COMMON else 1.0)
        pieces = _pieces(word)
        yield f"word {word}", weight
        share = weight * _GRAMS_WEIGHT / math.sqrt(len(pieces)) if pieces else 0.0
        yield from ((f"piece {piece}", share) for piece in pieces)


def _pieces(word: str) -> list[str]:
    if _WIDE.search(word):
        return [*word, *(word[at : at + 2] for at in range(len(word) - 1))]
    framed = f"<{word}>"
    return [framed[at : at + _GRAM] for at in range(len(framed) - _GRAM + 1)]
