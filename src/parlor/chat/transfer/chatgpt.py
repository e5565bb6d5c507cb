"""ChatGPT's export: `conversations.json` is a list of conversations, each a `mapping` of nodes by id.

A node is `{id, message, parent, children}`, and a message `{author: {role}, content: {content_type, parts}, create_time, recipient, metadata}`; the root has
none. Only what was said is taken: system messages, what is hidden from the reader, thoughts, and what the model said to its own tools are left out.
"""

from collections.abc import Mapping
from typing import Any

from parlor.chat.transfer.drafts import DraftMessage, DraftSession, Role, as_dict, as_list, key_of, line_of, text_of_value, text_part, time_of

_SAID = frozenset({"text", "multimodal_text"})


def is_chatgpt(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("mapping"), dict)


def read_chatgpt(value: Mapping[str, Any]) -> DraftSession:
    nodes = as_dict(value.get("mapping"))
    by_child = {child: key for key, node in nodes.items() for child in as_list(as_dict(node).get("children")) if isinstance(child, str)}
    messages = [_message(key, as_dict(node), by_child) for key, node in nodes.items()]
    return DraftSession(line_of(value.get("title"), 300), messages, key_of(value.get("current_node")), time_of(value.get("create_time")))


def _message(key: str, node: Mapping[str, Any], by_child: Mapping[str, str]) -> DraftMessage:
    message = as_dict(node.get("message"))
    parent = key_of(node.get("parent")) or by_child.get(key)
    parts = text_part(_text(as_dict(message.get("content")))) if _is_shown(message) else []
    return DraftMessage(key, parent, _role(message) if parts else None, parts, time_of(message.get("create_time")))


def _role(message: Mapping[str, Any]) -> Role | None:
    match as_dict(message.get("author")).get("role"):
        case "user":
            return "user"
        case "assistant":
            return "assistant"
        case _:
            return None


def _is_shown(message: Mapping[str, Any]) -> bool:
    return message.get("recipient", "all") in ("all", None) and as_dict(message.get("metadata")).get("is_visually_hidden_from_conversation") is not True


def _text(content: Mapping[str, Any]) -> str:
    if content.get("content_type") not in _SAID:
        return ""
    return "\n\n".join(filter(None, (_piece(part) for part in as_list(content.get("parts")))))


def _piece(part: Any) -> str:
    """A picture or a recording is a pointer into OpenAI's storage: what stays is that there was one, or what was said in it."""
    if isinstance(part, str):
        return text_of_value(part)
    value = as_dict(part)
    kind = line_of(value.get("content_type"), 40).removesuffix("_asset_pointer").replace("_", " ")
    return text_of_value(value.get("text")) or (f"[{kind}]" if kind else "")
