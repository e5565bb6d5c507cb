"""From what a server sends to what our side knows: definitions of tools, outcomes of calls."""

import re
from typing import Any

import msgspec
import structlog
from mcp_types import AudioContent, CallToolResult, EmbeddedResource, ImageContent, TextContent, TextResourceContents, Tool
from mcp_types import ContentBlock as Block

from parlor.tools.mcp.connections.cleaning import clean, cleaned, is_clean
from parlor.tools.mcp.specs import CallOutcome, ToolDefinition

logger = structlog.get_logger("parlor.tools.mcp")

MOST_TOOLS = 1000
MOST_DEFINITION_BYTES = 64 * 1024
_MOST_NAME_CHARS = 256
_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,60}", re.IGNORECASE)


def definition_of(tool: Tool, server: str) -> ToolDefinition | None:
    """None, and a line in the log, for one that is too large, or whose name nobody could see as it is."""
    if not tool.name or len(tool.name) > _MOST_NAME_CHARS or not is_clean(tool.name):
        logger.warning("mcp.tool_left_out", server=server, tool=clean(tool.name[:_MOST_NAME_CHARS]), reason="its name is empty, too long, or not visible")
        return None
    hints = tool.annotations
    definition = ToolDefinition(
        name=tool.name,
        description=clean(tool.description or tool.title or ""),
        parameters=cleaned(tool.input_schema),
        is_idempotent=hints is not None and bool(hints.idempotent_hint or hints.read_only_hint),
    )
    size_bytes = len(msgspec.json.encode(definition))
    if size_bytes > MOST_DEFINITION_BYTES:
        logger.warning("mcp.tool_left_out", server=server, tool=tool.name, reason=f"its definition has {size_bytes} bytes")
        return None
    return definition


def outcome_of(result: CallToolResult) -> CallOutcome:
    if result.structured_content is not None:
        return CallOutcome(result.structured_content, result.is_error)
    blocks = [_block(block) for block in result.content]
    if all(block["type"] == "text" for block in blocks):
        return CallOutcome("\n".join(block["text"] for block in blocks), result.is_error)
    return CallOutcome(blocks, result.is_error)


def _block(block: Block) -> dict[str, Any]:
    """What is neither text nor an image is told of in words."""
    match block:
        case TextContent():
            return _text(block.text)
        case ImageContent() if _IMAGE.fullmatch(block.mime_type):
            return {"type": "image", "media_type": block.mime_type.lower(), "data": block.data}
        case ImageContent() | AudioContent():
            return _text(f"[{block.type} of type {clean(block.mime_type[:100])}, left out]")
        case EmbeddedResource():
            resource = block.resource
            if isinstance(resource, TextResourceContents):
                return _text(resource.text)
            return _text(f"[resource {clean(str(resource.uri))}, left out]")
        case _:
            return _text(f"[resource {clean(str(block.uri))}: {clean(block.name)}]")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
