"""Calls and results as models may read them again."""

from collections.abc import Iterable
from typing import Any

import msgspec

from parlor.llm import ToolCall
from parlor.tools.blocks import without_images

MOST_UNREADABLE_CHARS = 2000


def distinct(calls: Iterable[ToolCall], taken: set[str]) -> list[ToolCall]:
    """In order, with call ids that the conversation does not have yet: some providers send one id for all, and history with two equal ids is refused."""
    found: list[ToolCall] = []
    for call in calls:
        call_id = call.call_id
        number = 1
        while call_id in taken:
            number += 1
            call_id = f"{call.call_id}_{number}"
        taken.add(call_id)
        found.append(ToolCall(call_id=call_id, name=call.name, arguments=call.arguments))
    return found


def readable(call: ToolCall) -> ToolCall:
    return ToolCall(call_id=call.call_id, name=call.name, arguments=readable_arguments(call.arguments))


def readable_arguments(text: str) -> str:
    """What a model wrote as arguments, as a JSON object in any case: some providers refuse a conversation for ever that has anything else in it."""
    if arguments_of(text) is None:
        return msgspec.json.encode({"unreadable": text[:MOST_UNREADABLE_CHARS]}).decode()
    return text or "{}"


def arguments_of(text: str) -> dict[str, Any] | None:
    """None when they are not a JSON object; no text at all means no arguments."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None


def as_text(result: object, error: str | None) -> str:
    """A tool's outcome as a model reads it. Images are for the person: as text they would be thousands of tokens of nothing."""
    if error is not None:
        return f"error: {error}"
    return result if isinstance(result, str) else msgspec.json.encode(without_images(result, note="shown to the user")).decode()
