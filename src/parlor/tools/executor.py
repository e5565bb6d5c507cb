"""The one place where tools are run for a turn: a short transaction before, a short one after, and nothing open in between."""

from parlor.llm import ToolCall
from parlor.tools.exchange import arguments_of
from parlor.tools.ports import ExecutionContext, ToolCaller
from parlor.tools.registry import ToolRegistry
from parlor.tools.running import ToolRunner
from parlor.turns import RunningTurn, StepBook, ToolCalled, ToolResult


class ToolExecutor:
    def __init__(self, registry: ToolRegistry, steps: StepBook, runner: ToolRunner) -> None:
        self._registry = registry
        self._steps = steps
        self._runner = runner

    async def execute(self, running: RunningTurn, call: ToolCall, allowed: frozenset[str]) -> ToolResult:
        """Run one call of the model and tell the turn's log. Whatever goes wrong with the tool becomes an error result; the turn goes on.

        T2a is committed before the tool is run: when that fails the tool is not run, and the error is raised.
        """
        arguments = arguments_of(call.arguments)
        running.emit(ToolCalled(call_id=call.call_id, tool=call.name, arguments=arguments if arguments is not None else call.arguments))
        tool = self._registry.find(call.name) if call.name in allowed else None
        if tool is None:
            result = ToolResult(call_id=call.call_id, error=f"there is no tool called {call.name!r}")
        elif arguments is None:
            result = ToolResult(call_id=call.call_id, error="the arguments are not a JSON object")
        else:
            step_id = await self._steps.start(running, call_id=call.call_id, tool=call.name, arguments=arguments)
            turn = running.turn
            context = ExecutionContext(ToolCaller(turn.account_id), call.call_id, turn.session_id, turn.id, turn.agent)
            result = await self._runner.run(tool, arguments, context)
            await self._steps.end(step_id, result=result.result, error=result.error)
        running.emit(result)
        return result
