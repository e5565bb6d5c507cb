"""How many tokens a prompt may have, before any provider has counted them: what credit is held for, and what is charged where no provider tells."""

from parlor.llm.ports import ImagePart, ModelMessage, ModelRequest
from parlor.llm.tokens import estimate_tokens

MESSAGE_OVERHEAD_TOKENS = 4
"""What the frame of a message costs, by OpenAI's own published counting."""

IMAGE_TOKENS = 1_600
"""What the dearest provider counts for the largest image that it does not shrink (Anthropic's documentation of vision)."""


def message_tokens(message: ModelMessage) -> int:
    arguments = sum(estimate_tokens(call.name + call.arguments) for call in message.tool_calls)
    parts = sum(IMAGE_TOKENS if isinstance(part, ImagePart) else estimate_tokens(part.text) for part in message.parts)
    return MESSAGE_OVERHEAD_TOKENS + estimate_tokens(message.text) + arguments + parts


def request_tokens(request: ModelRequest) -> int:
    """The whole prompt, with the tools that it offers."""
    tools = sum(estimate_tokens(f"{tool.name} {tool.description} {tool.parameters}") for tool in request.tools)
    return sum(map(message_tokens, request.messages)) + tools
