"""What a question is before it is asked: its parts, checked."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from parlor.chat.errors import EmptyMessage, MessageTooLong

_INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Unicode categories that show nothing by themselves: format characters, controls, spaces, marks without a letter."""


def checked_text(text: str, most_chars: int) -> str:
    """The text as it came. Raises EmptyMessage when nothing in it can be seen, MessageTooLong above `most_chars`."""
    if len(text) > most_chars:
        raise MessageTooLong(f"The message has {len(text)} characters; {most_chars} at most.", most_chars=most_chars)
    if not any(unicodedata.category(character) not in _INVISIBLE for character in text):
        raise EmptyMessage()
    return text


def text_of_content(content: str | Sequence[Any]) -> str:
    """A message's content is text, or parts; the text parts are its text."""
    if isinstance(content, str):
        return content
    return "\n\n".join(part.text for part in content)


def title_of(text: str) -> str:
    """The first words, for the list of sessions."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0] + " …"
