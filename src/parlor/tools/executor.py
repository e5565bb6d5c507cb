"""The one place where tools are run: a short transaction before, a short one after, and nothing open in between."""

import asyncio
from typing import Any

import msgspec
import structlog

from parlor.llm import ToolCall
from parlor.tools.errors import ToolError
from parlor.tools.ports import ExecutionContext
from parlor.tools.registry import ToolRegistry
from parlor.tools.settings import ToolSettings
from parlor.turns import RunningTurn, StepBook, ToolCalled, ToolResult

logger = structlog.get_logger("parlor.tools")


class ToolExecutor:
    def __init__(self, registry: ToolRegistry, steps: StepBook, settings: ToolSettings) -> None:
        self._registry = registry
        self._steps = steps
        self._settings = settings

    async def execute(self, running: RunningTurn, call: ToolCall, allowed: frozenset[str]) -> ToolResult:
        """Run one call of the model and tell the turn's log. Whatever goes wrong with the tool becomes an error result; the turn goes on.

        T2a is committed before the tool is run: when that fails the tool is not run, and the error is raised.
        """
        arguments = _arguments(call.arguments)
        running.emit(ToolCalled(call_id=call.call_id, tool=call.name, arguments=arguments if arguments is not None else call.arguments))
        tool = self._registry.find(call.name) if call.name in allowed else None
        if tool is None:
            result = ToolResult(call_id=call.call_id, error=f"there is no tool called {call.name!r}")
        elif arguments is None:
            result = ToolResult(call_id=call.call_id, error="the arguments are not a JSON object")
        else:
            step_id = await self._steps.start(running, call_id=call.call_id, tool=call.name, arguments=arguments)
            turn = running.turn
            context = ExecutionContext(account_id=turn.account_id, session_id=turn.session_id, turn_id=turn.id, call_id=call.call_id)
            result = await self._run(tool, arguments, context)
            await self._steps.end(step_id, result=result.result, error=result.error)
        running.emit(result)
        return result

    async def _run(self, tool: Any, arguments: dict[str, Any], context: ExecutionContext) -> ToolResult:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                value = await tool.call(arguments, context)
            return ToolResult(call_id=context.call_id, result=self._bounded(value))
        except ToolError as error:
            return ToolResult(call_id=context.call_id, error=str(error))
        except TimeoutError:
            return ToolResult(call_id=context.call_id, error=f"the tool did not answer within {self._settings.timeout_seconds:g} seconds")
        except Exception:
            logger.exception("tool.failed", tool=tool.name, turn_id=str(context.turn_id))
            return ToolResult(call_id=context.call_id, error="the tool failed")

    def _bounded(self, value: Any) -> Any:
        """The value as plain JSON, cut when it is too large for a model to read."""
        encoded = msgspec.json.encode(value, enc_hook=str)
        if len(encoded) <= self._settings.result_most_bytes:
            return msgspec.json.decode(encoded)
        return encoded[: self._settings.result_most_bytes].decode(errors="ignore") + f" [cut: {len(encoded)} bytes in all]"


def _arguments(text: str) -> dict[str, Any] | None:
    """None when they are not a JSON object; no text at all means no arguments."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
