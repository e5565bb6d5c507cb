"""Running one tool, whatever it does: in time, and to a result that is plain JSON of a bounded size."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from parlor.core.errors import PaymentRequired
from parlor.tools.blocks import without_images
from parlor.tools.errors import ToolError
from parlor.tools.ports import ExecutionContext, InputRequired, Suspended, Tool
from parlor.tools.settings import ToolSettings
from parlor.turns import Fenced, ToolResult, TurnFailure

logger = structlog.get_logger("parlor.tools")


class ToolRunner:
    def __init__(self, settings: ToolSettings) -> None:
        self._settings = settings

    async def run(self, tool: Tool, arguments: Mapping[str, Any], context: ExecutionContext, timeout_seconds: float | None = None) -> ToolResult:
        """Raises InputRequired, Suspended, what ends a turn, and cancellation: whatever else happens with a tool is a result."""
        timeout_seconds = timeout_seconds or self._settings.timeout_seconds
        deadline = min(context.deadline, asyncio.get_running_loop().time() + timeout_seconds)
        try:
            async with asyncio.timeout_at(deadline):
                value = await tool.call(arguments, replace(context, deadline=deadline))
            return ToolResult(call_id=context.call_id, result=self._bounded(value))
        except (InputRequired, Suspended, TurnFailure, Fenced, PaymentRequired):
            raise
        except ToolError as error:
            return ToolResult(call_id=context.call_id, error=str(error))
        except TimeoutError:
            return ToolResult(call_id=context.call_id, error=f"the tool did not answer within {timeout_seconds:g} seconds")
        except Exception:
            logger.exception("tool.failed", tool=tool.name, turn_id=str(context.turn_id))
            return ToolResult(call_id=context.call_id, error="the tool failed")

    def _bounded(self, value: Any) -> Any:
        """The value as plain JSON. When it is too large to be kept, images go first, then the end."""
        encoded = msgspec.json.encode(value, enc_hook=str)
        if len(encoded) > self._settings.result_most_bytes:
            encoded = msgspec.json.encode(without_images(value, note="left out, because the result is too large"), enc_hook=str)
        if len(encoded) <= self._settings.result_most_bytes:
            return msgspec.json.decode(encoded)
        return encoded[: self._settings.result_most_bytes].decode(errors="ignore") + f" [cut: {len(encoded)} bytes in all]"
