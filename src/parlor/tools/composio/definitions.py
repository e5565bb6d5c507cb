"""An action as a model is told of it: a name that every provider takes, and a description without characters that nobody sees."""

import re
import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from parlor.tools.composio.wire import Action

MAX_NAME = 64
_MAX_DESCRIPTION = 4_000
_MAX_SCHEMA_BYTES = 128 * 1024
_HASH_CHARS = 8
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
"""Control, format (zero width, direction), private use, surrogates, unassigned: text that a person who reads it does not see."""


class Definition(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: Mapping[str, Any]


def definition_of(action: Action) -> Definition | None:
    """None when its schema is none, or larger than any model should read."""
    schema = action.input_parameters or {}
    parameters: dict[str, Any] = {**schema, "type": "object", "properties": schema.get("properties") or {}}
    if schema.get("type", "object") != "object" or len(msgspec.json.encode(parameters)) > _MAX_SCHEMA_BYTES:
        return None
    return Definition(tool_name(action.slug), visible(action.description or action.name)[:_MAX_DESCRIPTION], parameters)


def tool_name(slug: str) -> str:
    """`composio_github_create_issue`. One that is too long or has odd letters ends in a hash of the whole, so that no two are alike."""
    plain = re.sub(r"[^a-z0-9_-]", "_", f"composio_{slug.lower()}", flags=re.ASCII)
    if len(plain) <= MAX_NAME and plain == f"composio_{slug.lower()}":
        return plain
    return f"{plain[: MAX_NAME - _HASH_CHARS - 1]}_{blake2b(slug.encode(), digest_size=_HASH_CHARS // 2).hexdigest()}"


def visible(text: str) -> str:
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in _HIDDEN)
