"""Texts that can be embedded, cut into requests that a provider takes."""

from collections.abc import Iterator, Sequence

from parlor.llm.errors import UnsupportedInput
from parlor.llm.tokens import estimate_tokens


def batches_of(texts: Sequence[str], max_texts: int, max_tokens: int) -> Iterator[tuple[int, Sequence[str]]]:
    """(number of the first text, the texts), in order: each with no more texts and estimated tokens than that, and with one text at least."""
    start, tokens = 0, 0
    for at, text in enumerate(texts):
        weight = estimate_tokens(text)
        if at > start and (at - start >= max_texts or tokens + weight > max_tokens):
            yield start, texts[start:at]
            start, tokens = at, 0
        tokens += weight
    if start < len(texts):
        yield start, texts[start:]


def check_texts(texts: Sequence[str]) -> None:
    """Raises UnsupportedInput for what nobody embeds."""
    for text in texts:
        if not text:
            raise UnsupportedInput("An empty text has no embedding.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UnsupportedInput("A text has half a character (a lone surrogate) in it, which cannot be sent.") from error
