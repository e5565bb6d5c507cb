"""From stored messages to what a model is shown: the window, and the rules that providers have for it (INV-T7)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from parlor.llm import ModelMessage, ToolCall, message_tokens
from parlor.tools import as_text, readable_arguments


def window(newest_first: Sequence[Any], *, pairs: int, budget_tokens: int) -> list[Any]:
    """The rows to show, oldest first: the question (the first row) always, then older ones while they fit into `pairs` and `budget_tokens`.

    A message keeps its tool calls and their results together, so no cut splits them; the window begins with a question, because providers want it so.
    """
    kept: list[Any] = [newest_first[0]]
    left = budget_tokens - newest_first[0].tokens
    for row in newest_first[1 : 2 * pairs + 1]:
        left -= row.tokens
        if left < 0:
            break
        kept.append(row)
    while len(kept) > 1 and kept[-1].role != "user":
        kept.pop()
    kept.reverse()
    return kept


def to_model_messages(rows: Sequence[Any]) -> list[ModelMessage]:
    """Roles alternate: neighbours of one role (a question whose answer never came, then another question) are joined."""
    messages: list[ModelMessage] = []
    for row in rows:
        for message in _of_row(row):
            last = messages[-1] if messages else None
            if last is not None and last.role == message.role and message.role in ("user", "assistant") and not last.tool_calls:
                messages[-1] = ModelMessage(role=message.role, text="\n\n".join(filter(None, (last.text, message.text))), tool_calls=message.tool_calls)
            else:
                messages.append(message)
    return messages


def _of_row(row: Any) -> list[ModelMessage]:
    if row.parts is None:
        return [ModelMessage(role=row.role, text=row.text)] if row.text else []
    return _of_parts(row.role, row.parts)


def _of_parts(role: Any, parts: Sequence[dict[str, Any]]) -> list[ModelMessage]:
    """Text, calls, results, text ... as providers want it: an assistant message with its calls, one tool message for each, the next assistant message."""
    messages: list[ModelMessage] = []
    text, calls = "", list[ToolCall]()
    for part in parts:
        match part["type"]:
            case "text":
                if calls:
                    messages.append(ModelMessage(role=role, text=text, tool_calls=calls))
                    text, calls = "", []
                text += part["text"]
            case "tool_call":
                arguments = part["arguments"]
                text_of_arguments = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
                calls.append(ToolCall(part["call_id"], part["tool"], readable_arguments(text_of_arguments)))
            case "tool_result":
                if calls and part["call_id"] in {call.call_id for call in calls}:
                    messages.append(ModelMessage(role=role, text=text, tool_calls=calls))
                    text, calls = "", []
                messages.append(ModelMessage(role="tool", call_id=part["call_id"], text=as_text(part.get("result"), part.get("error"))))
            case _:
                continue
    if text:
        messages.append(ModelMessage(role=role, text=text))
    return messages


def tokens_of(role: str, text: str, parts: Sequence[dict[str, Any]] | None) -> int:
    """What showing this message again costs, estimated once, when it is saved."""
    if parts is None:
        return message_tokens(ModelMessage(role="user" if role == "user" else "assistant", text=text))
    return sum(message_tokens(message) for message in _of_parts(role, parts))


def text_of(parts: Sequence[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")


def is_plain(parts: Sequence[dict[str, Any]]) -> bool:
    """One text part and nothing else: then the text alone is stored."""
    return len(parts) == 1 and parts[0]["type"] == "text"
