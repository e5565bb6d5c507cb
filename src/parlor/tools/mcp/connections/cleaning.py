"""Text of a server as it may be shown to a model and to people: without characters that neither of them sees."""

import unicodedata
from typing import Any, cast

_KEPT = frozenset("\n\t")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Hangul fillers: letters by their category, and nothing to the eye."""


def is_clean(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or not any(_is_hidden(character) for character in text)


def clean(text: str) -> str:
    """Without control, format (zero-width, bidirectional, tags) and other invisible characters; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character for character in text if character in _KEPT or not _is_hidden(character))


def sentence(text: str, most: int = 500) -> str:
    """What a server says as part of one of our own sentences: cleaned, on one line, of at most `most` characters."""
    line = " ".join(clean(text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def cleaned(value: Any) -> Any:
    """`clean` for every text in a JSON value, names of members too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): cleaned(each) for key, each in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [cleaned(each) for each in cast(list[Any], value)]
    return value


def _is_hidden(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or character in _BLANK_LETTERS or "\U000e0000" <= character <= "\U000e0fff"
