"""Messages of the model port as an OpenAI-compatible provider would be sent them."""

from collections.abc import Sequence
from typing import Any

from parlor.llm import ModelMessage


def wire_of(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    return [
        {
            "role": message.role,
            "content": message.text,
            **({"tool_calls": [_call(call) for call in message.tool_calls]} if message.tool_calls else {}),
            **({"tool_call_id": message.call_id} if message.call_id else {}),
        }
        for message in messages
    ]


def _call(call: Any) -> dict[str, Any]:
    return {"id": call.call_id, "function": {"name": call.name, "arguments": call.arguments}}
