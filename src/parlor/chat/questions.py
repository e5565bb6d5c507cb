"""What a question is before it is asked: its parts as one text, and what it calls its session."""

from collections.abc import Sequence
from typing import Any


def text_of_content(content: str | Sequence[Any]) -> str:
    """A message's content is text, or parts; the text parts are its text."""
    if isinstance(content, str):
        return content
    return "\n\n".join(part.text for part in content)


def title_of(text: str) -> str:
    """The first words, for the list of sessions."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0] + " …"
