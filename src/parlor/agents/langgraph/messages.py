"""Messages of LangChain and ours, each as the other."""

from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import uuid4

import msgspec
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from parlor.llm import ImagePart, ModelMessage, ProviderState, TextPart, ToolCall
from parlor.tools import readable_arguments

PROVIDER_STATE = "parlor_provider_state"
"""Where an AIMessage keeps what its provider wants to see again."""


def to_model_messages(messages: Iterable[BaseMessage]) -> list[ModelMessage]:
    """Empty ones are left out, and system messages that follow one another are joined: several providers refuse those."""
    found = list[ModelMessage]()
    for message in map(_to_model, messages):
        if message.role == "system" and found and found[-1].role == "system":
            found[-1] = ModelMessage("system", f"{found[-1].text}\n\n{message.text}")
        elif message.role == "tool" or message.content or message.tool_calls:
            found.append(message)
    return found


def to_messages(history: Sequence[ModelMessage]) -> list[BaseMessage]:
    """Each with an id of its own."""
    return [_of_model(message) for message in history]


def text_of(message: BaseMessage) -> str:
    """All text of its content, joined."""
    return "".join(part.text for part in _content(message) if isinstance(part, TextPart))


def _to_model(message: BaseMessage) -> ModelMessage:
    if isinstance(message, AIMessage):
        calls = [ToolCall(call["id"] or "", call["name"], msgspec.json.encode(call["args"], enc_hook=str).decode()) for call in message.tool_calls]
        return ModelMessage("assistant", text_of(message), calls, provider_state=_state_of(message))
    if isinstance(message, ToolMessage):
        return ModelMessage("tool", text_of(message) or _plain(message.content), call_id=message.tool_call_id)
    if isinstance(message, SystemMessage):
        return ModelMessage("system", text_of(message))
    if isinstance(message, ChatMessage) and message.role in ("system", "assistant"):
        return ModelMessage(cast("Any", message.role), text_of(message))
    parts = _content(message)
    if all(isinstance(part, TextPart) for part in parts):
        return ModelMessage("user", text_of(message))
    return ModelMessage("user", parts=parts)


def _state_of(message: AIMessage) -> ProviderState | None:
    stored = message.additional_kwargs.get(PROVIDER_STATE)
    return None if stored is None else msgspec.convert(stored, ProviderState)


def _content(message: BaseMessage) -> list[TextPart | ImagePart]:
    content = cast("str | list[Any]", message.content)
    blocks = [content] if isinstance(content, str) else content
    return [part for block in blocks if (part := _part(block)) is not None]


def _part(block: Any) -> TextPart | ImagePart | None:
    """Of all the forms that blocks come in; what is neither text nor an image is left out."""
    if isinstance(block, str):
        return TextPart(block)
    if block.get("type") == "text":
        return TextPart(str(block.get("text", "")))
    if block.get("type") == "image_url":
        address = block.get("image_url")
        return ImagePart(str(address.get("url") if isinstance(address, dict) else address))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # checked
    if block.get("type") == "image":
        if url := block.get("url"):
            return ImagePart(str(url))
        if encoded := block.get("base64") or block.get("data"):
            return ImagePart(f"data:{block.get('mime_type', 'image/png')};base64,{encoded}")
    return None


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content, enc_hook=str).decode()


def _of_model(message: ModelMessage) -> BaseMessage:
    message_id = str(uuid4())
    match message.role:
        case "system":
            return SystemMessage(message.text, id=message_id)
        case "tool":
            return ToolMessage(message.text, tool_call_id=message.call_id or "", id=message_id)
        case "assistant":
            calls: list[Any] = [
                {"id": call.call_id, "name": call.name, "args": msgspec.json.decode(readable_arguments(call.arguments))} for call in message.tool_calls
            ]
            return AIMessage(message.text, tool_calls=calls, id=message_id, additional_kwargs=state_kwargs(message.provider_state))
        case "user":
            return HumanMessage(message.text if not message.parts else [_block(part) for part in message.content], id=message_id)


def state_kwargs(state: ProviderState | None) -> dict[str, Any]:
    return {} if state is None else {PROVIDER_STATE: msgspec.to_builtins(state)}


def _block(part: TextPart | ImagePart) -> Any:
    return {"type": "text", "text": part.text} if isinstance(part, TextPart) else {"type": "image_url", "image_url": {"url": part.url}}
