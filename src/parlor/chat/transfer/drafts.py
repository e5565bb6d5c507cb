"""A conversation as it was read from a file: whatever its format, and before anything of it is believed."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

import msgspec

Role = Literal["user", "assistant"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MILLISECONDS_FROM = 1e11
"""Seconds reach that number in the year 5138: what is larger counts milliseconds."""


class DraftMessage(msgspec.Struct, frozen=True):
    """`key` and `parent` are the file's own names of nodes. Without a role it only leads from its parent to its children."""

    key: str
    parent: str | None
    role: Role | None = None
    parts: Sequence[dict[str, Any]] = ()
    created_at: datetime | None = None
    usage: dict[str, int] | None = None


class DraftSession(msgspec.Struct, frozen=True):
    """`current` is the node whose branch is shown first."""

    title: str
    messages: Sequence[DraftMessage]
    current: str | None = None
    created_at: datetime | None = None
    fields: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Further columns of the session, checked: category, notes, agent, model, is_pinned, is_archived, metadata."""


class NotAConversation(Exception):
    """An element of a file that cannot be imported. The text says why, for whoever sent it."""


def as_dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def storable(text: str) -> str:
    """Without what a database or JSON cannot hold: NUL and halves of surrogate pairs become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def text_of_value(value: Any) -> str:
    """The text, if it is one."""
    return storable(value) if isinstance(value, str) else ""


def line_of(value: Any, most_chars: int) -> str:
    return " ".join(text_of_value(value).split())[:most_chars].strip()


def key_of(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def text_part(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text.strip() else []


def time_of(value: Any) -> datetime | None:
    """Of seconds or milliseconds since 1970, or of a text in ISO 8601. None for what is no time."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            return None
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
