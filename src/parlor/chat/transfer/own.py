"""Parlor's own format: `{"format": "parlor.session", "version": 1, "session": {...}, "messages": [...]}`."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from parlor.chat.schemas import MOST_METADATA_BYTES, MOST_NOTES_CHARS
from parlor.chat.transfer.drafts import (
    DraftMessage,
    DraftSession,
    NotAConversation,
    Role,
    as_dict,
    as_list,
    key_of,
    line_of,
    storable,
    text_of_value,
    text_part,
    time_of,
)
from parlor.core.ids import new_id

FORMAT, VERSION = "parlor.session", 1
DEEPEST = 64
"""Levels of JSON in arguments and results, as in every body."""
NO_RESULT = "the result of this call is not in the file it came from"

_TOOL = re.compile(r"[A-Za-z0-9_-]{1,128}")
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_SOURCE_TEXTS = ("source", "title", "locator", "quote")
_MOST_SOURCE_CHARS = 10_000


def is_own(value: Mapping[str, Any]) -> bool:
    return value.get("format") == FORMAT


def read_own(value: Mapping[str, Any]) -> DraftSession:
    """Raises NotAConversation for another version."""
    if value.get("version") != VERSION:
        raise NotAConversation(f"it is version {str(value.get('version'))[:20]} of {FORMAT}, and this server reads version {VERSION}")
    session = as_dict(value.get("session"))
    messages = [_message(as_dict(each), number) for number, each in enumerate(as_list(value.get("messages")))]
    current = messages[-1].key if messages else None
    return DraftSession(line_of(session.get("title"), 300), messages, current, time_of(session.get("created_at")), _fields(session))


def _fields(session: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = storable_json(as_dict(session.get("metadata")))
    return {
        "category": line_of(session.get("category"), 100),
        "notes": text_of_value(session.get("notes"))[:MOST_NOTES_CHARS],
        "agent": line_of(session.get("agent"), 200) or None,
        "model": line_of(session.get("model"), 300) or None,
        "is_pinned": session.get("pinned") is True,
        "is_archived": session.get("archived") is True,
        "metadata": metadata if len(msgspec.json.encode(metadata)) <= MOST_METADATA_BYTES else {},
    }


def _message(value: Mapping[str, Any], number: int) -> DraftMessage:
    key = key_of(value.get("id")) or f"#{number}"
    role: Role | None = "user" if value.get("role") == "user" else "assistant" if value.get("role") == "assistant" else None
    parts = [] if role is None else _parts(as_list(value.get("parts")), role)
    is_said = any(part["type"] in ("text", "tool_call") for part in parts)
    return DraftMessage(
        key, key_of(value.get("parent_id")), role if is_said else None, parts, time_of(value.get("created_at")), _usage(as_dict(value.get("usage")))
    )


def _usage(value: Mapping[str, Any]) -> dict[str, int] | None:
    counts = {name: value.get(name) for name in _COUNTS}
    found = {name: count for name, count in counts.items() if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**53}
    return found if {"input_tokens", "output_tokens"} <= found.keys() else None


def _parts(values: Iterable[Any], role: Role) -> list[dict[str, Any]]:
    """What can be shown and told to a model: files are not in the export, and a summary names messages that have other ids now."""
    parts = _Parts()
    for value in map(as_dict, values):
        match value.get("type"):
            case "text":
                parts.add_text(text_of_value(value.get("text")))
            case "reasoning" if role == "assistant":
                parts.add("reasoning", text=text_of_value(value.get("text")))
            case "tool_call" if role == "assistant":
                parts.add_call(value)
            case "tool_result" if role == "assistant":
                parts.add_result(value)
            case "source" if role == "assistant":
                parts.add("source", **_source(value))
            case _:
                continue
    return parts.done()


def _source(value: Mapping[str, Any]) -> dict[str, Any]:
    index = value.get("index")
    texts = {name: line_of(value.get(name), _MOST_SOURCE_CHARS) for name in _SOURCE_TEXTS}
    return {"index": index if isinstance(index, int) and 0 <= index < 2**31 else 0, **texts}


class _Parts:
    """Each call has exactly one result, behind it and before the next text, under an id that no other call has: providers take nothing else."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._open: dict[str, str] = {}

    def add(self, kind: str, **fields: Any) -> None:
        self._parts.append({"type": kind, **fields})

    def add_text(self, text: str) -> None:
        self._close()
        self._parts += text_part(text)

    def add_call(self, value: Mapping[str, Any]) -> None:
        key, tool = key_of(value.get("call_id")), value.get("tool")
        if key is None or key in self._open or not isinstance(tool, str) or not _TOOL.fullmatch(tool):
            return
        call_id = self._open[key] = f"call_{new_id().hex}"
        arguments = value.get("arguments")
        self.add("tool_call", call_id=call_id, tool=tool, arguments=storable(arguments) if isinstance(arguments, str) else storable_json(as_dict(arguments)))

    def add_result(self, value: Mapping[str, Any]) -> None:
        call_id = self._open.pop(key_of(value.get("call_id")) or "", None)
        if call_id is None:
            return
        error = value.get("error")
        outcome = {"error": text_of_value(error)} if isinstance(error, str) else {"result": storable_json(value.get("result"))}
        self.add("tool_result", call_id=call_id, **outcome)

    def done(self) -> list[dict[str, Any]]:
        self._close()
        return self._parts

    def _close(self) -> None:
        for call_id in self._open.values():
            self.add("tool_result", call_id=call_id, error=NO_RESULT)
        self._open.clear()


def storable_json(value: Any, levels: int = DEEPEST) -> Any:
    """The value without what a database cannot hold; null for what is nested deeper, and for numbers that are none."""
    match value:
        case str():
            return storable(value)
        case float():
            return value if math.isfinite(value) else None
        case int():
            return value if -(2**63) <= value < 2**63 else None
        case dict() if levels:
            return {storable(str(name)): storable_json(each, levels - 1) for name, each in as_dict(value).items()}
        case list() if levels:
            return [storable_json(each, levels - 1) for each in as_list(value)]
        case _:
            return None
