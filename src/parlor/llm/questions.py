"""What a text is before a model is asked it: something that can be seen, and not too much."""

import unicodedata

from parlor.llm.errors import EmptyMessage, MessageTooLong

_INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Unicode categories that show nothing by themselves: format characters, controls, spaces, marks without a letter."""


def checked_text(text: str, most_chars: int) -> str:
    """The text as it came. Raises EmptyMessage when nothing in it can be seen, MessageTooLong above `most_chars`."""
    if len(text) > most_chars:
        raise MessageTooLong(f"The message has {len(text)} characters; {most_chars} at most.", most_chars=most_chars)
    if not any(unicodedata.category(character) not in _INVISIBLE for character in text):
        raise EmptyMessage()
    return text
