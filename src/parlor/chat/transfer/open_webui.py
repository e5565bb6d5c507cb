"""Open WebUI's export: a list of chats, or one, each `{id, title, chat: {title, history: {messages: {id: {...}}, currentId}, messages: [...]}}`.

`history` has the whole tree, `messages` the current branch alone; what has only that is read from it. The chat itself may also stand by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parlor.chat.transfer.drafts import DraftMessage, DraftSession, Role, as_dict, as_list, key_of, line_of, text_of_value, text_part, time_of


def is_open_webui(value: Mapping[str, Any]) -> bool:
    chat = as_dict(value.get("chat")) or value
    return isinstance(as_dict(chat.get("history")).get("messages"), dict) or ("chat" in value and isinstance(chat.get("messages"), list))


def read_open_webui(value: Mapping[str, Any]) -> DraftSession:
    chat = as_dict(value.get("chat")) or value
    history = as_dict(chat.get("history"))
    nodes = as_dict(history.get("messages"))
    messages = _of_tree(nodes) if nodes else _of_branch(as_list(chat.get("messages")))
    title = line_of(value.get("title"), 300) or line_of(chat.get("title"), 300)
    current = key_of(history.get("currentId")) if nodes else (messages[-1].key if messages else None)
    fields = {"is_pinned": value.get("pinned") is True, "is_archived": value.get("archived") is True}
    return DraftSession(title, messages, current, time_of(value.get("created_at")) or time_of(chat.get("timestamp")), fields)


def _of_tree(nodes: Mapping[str, Any]) -> Sequence[DraftMessage]:
    by_child = {child: key for key, node in nodes.items() for child in as_list(as_dict(node).get("childrenIds")) if isinstance(child, str)}
    return [_message(key, key_of(as_dict(node).get("parentId")) or by_child.get(key), as_dict(node)) for key, node in nodes.items()]


def _of_branch(values: Sequence[Any]) -> Sequence[DraftMessage]:
    keys = [f"#{number}" for number in range(len(values))]
    return [_message(key, keys[number - 1] if number else None, as_dict(values[number])) for number, key in enumerate(keys)]


def _message(key: str, parent: str | None, node: Mapping[str, Any]) -> DraftMessage:
    parts = text_part(_text(node.get("content")))
    return DraftMessage(key, parent, _role(node) if parts else None, parts, time_of(node.get("timestamp")))


def _role(node: Mapping[str, Any]) -> Role | None:
    match node.get("role"):
        case "user":
            return "user"
        case "assistant":
            return "assistant"
        case _:
            return None


def _text(content: Any) -> str:
    """Text, or OpenAI's list of parts."""
    if isinstance(content, str):
        return text_of_value(content)
    return "\n\n".join(filter(None, (text_of_value(as_dict(part).get("text")) for part in as_list(content))))
