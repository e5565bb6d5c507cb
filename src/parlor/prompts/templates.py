"""Templates without logic: `{{user.display_name}}` stands for a value, `{{slot:tone|neutral}}` for a place that may be filled, and all else for itself.

There is nothing to evaluate: a template is cut into pieces once, by one expression with a fixed list of names, and the pieces are joined. What is put in is
never read again, so neither a name nor the words of a user can bring in more. `{{7*7}}`, `{% if %}`, `{0.__class__}` and unknown names stay as written.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

NAMES = ("user.display_name", "user.username", "user.locale", "agent.name", "agent.title", "date", "time", "weekday", "history")
"""All that a template may ask for. Not the user's address: a prompt goes to the provider of the model."""

SLOT_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,63}"

# Possessive where it can be, so that no text makes the search take more than one look at each character.
_VALUE = rf"\{{\{{[ \t]*+(?P<name>{'|'.join(map(re.escape, NAMES))})[ \t]*+\}}\}}"
_SLOT = rf"\{{\{{[ \t]*+slot:(?P<slot>{SLOT_PATTERN})[ \t]*+(?:\|(?P<default>[^{{}}]*+))?\}}\}}"
_VALUES = re.compile(_VALUE)
_VALUES_AND_SLOTS = re.compile(f"{_VALUE}|{_SLOT}")


class Value(msgspec.Struct, frozen=True):
    """`written` is the tag itself: what stands there when nobody gives the value."""

    name: str
    written: str


class Slot(msgspec.Struct, frozen=True):
    name: str
    default: str


Piece = str | Value
"""Text that stands for itself, or a value."""


def pieces_of(text: str) -> tuple[Piece, ...]:
    """Of a text that may name values. A slot in it is text."""
    return tuple(piece for piece in _cut(_VALUES, text) if not isinstance(piece, Slot))


def pieces_and_slots_of(text: str) -> tuple[Piece | Slot, ...]:
    """Of the prompt of an agent, the only text that may have slots."""
    return _cut(_VALUES_AND_SLOTS, text)


def render(pieces: Sequence[Piece], values: Mapping[str, str]) -> str:
    """A value that is not given stays as its tag."""
    return "".join(piece if isinstance(piece, str) else values.get(piece.name, piece.written) for piece in pieces)


def _cut(pattern: re.Pattern[str], text: str) -> tuple[Piece | Slot, ...]:
    pieces: list[Piece | Slot] = []
    end = 0
    for found in pattern.finditer(text):
        if found.start() > end:
            pieces.append(text[end : found.start()])
        pieces.append(_tag(found))
        end = found.end()
    if end < len(text):
        pieces.append(text[end:])
    return tuple(pieces)


def _tag(found: re.Match[str]) -> Value | Slot:
    groups = found.groupdict()
    if groups["name"] is not None:
        return Value(groups["name"], found.group())
    return Slot(groups["slot"], (groups["default"] or "").strip())
