"""The agent's own tools, as tools of LangChain: through the same gate, with its policy, its questions and its records."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import msgspec
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.types import interrupt

from parlor.agents.langgraph.current import GraphRun, TurnOver, current
from parlor.agents.langgraph.questions import asked_by
from parlor.llm import ToolCall
from parlor.tools import Suspended, as_text
from parlor.turns import NewQuestion, ToolResult


def parlor_tools() -> list[BaseTool]:
    """Those that this agent may use for whom it runs, other agents among them. Raises OutsideRun: call it in a node, or in the factory of the graph."""
    return [ParlorTool.of(spec.name, spec.description, spec.parameters) for spec in current().run.tools]


class ParlorTool(BaseTool):
    """Finds the run that it is called in, so it may be kept with the graph."""

    @classmethod
    def of(cls, name: str, description: str, parameters: Any) -> "ParlorTool":
        return cls(name=name, description=description, args_schema=dict(parameters))

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("this tool is asynchronous")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """`input` is a call as models make them, which gives a ToolMessage, or the arguments alone, which give the result's text."""
        if isinstance(input, dict) and cast("dict[str, Any]", input).get("type") == "tool_call":
            asked = cast("dict[str, Any]", input)
            result = await _call(asked["id"], self.name, asked["args"])
            status = "success" if result.error is None else "error"
            return ToolMessage(as_text(result.result, result.error), tool_call_id=asked["id"], name=self.name, status=status)
        result = await _call(None, self.name, input if isinstance(input, dict) else {"input": input})
        return as_text(result.result, result.error)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return current().wait_for(self.ainvoke(input, config, **kwargs))


async def _call(call_id: str | None, name: str, arguments: Any) -> ToolResult:
    """Once: a node that runs again, because somebody was asked in it, gets the result of then."""
    graph_run = current()
    call = ToolCall(call_id or f"call_{uuid4().hex}", name, msgspec.json.encode(arguments, enc_hook=str).decode())
    if (known := graph_run.results.get(call.call_id)) is not None:
        return known
    try:
        graph_run.check()
        outcome = await _outcome(graph_run, call)
    except TurnOver:
        raise
    except Exception as error:
        raise graph_run.fail(error) from error
    if not isinstance(outcome, ToolResult):
        while True:  # what an earlier question of this node was answered with is handed out first; then this one interrupts
            interrupt(asked_by(call, outcome))
    graph_run.open_calls.pop(call.call_id, None)
    graph_run.results[call.call_id] = outcome
    return outcome


async def _outcome(graph_run: GraphRun, call: ToolCall) -> ToolResult | NewQuestion | Suspended:
    run, state = graph_run.run, graph_run.state
    if state is None or call.call_id not in state.calls:
        return await run.call_tool(call, is_announced=call.call_id in graph_run.open_calls)
    outcomes = await run.call_tools([call], suspended=state.suspended, is_again=True)
    if outcomes.results:
        return outcomes.results[0]
    suspended = outcomes.suspended.get(call.call_id)
    return outcomes.questions[0] if suspended is None else Suspended(outcomes.questions, suspended)


__all__: Sequence[str] = ["ParlorTool", "parlor_tools"]
