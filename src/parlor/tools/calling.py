"""A model and its tools for one question at the command line: no turn around it, so nothing is stored and nothing is charged."""

from collections.abc import Callable, Sequence
from typing import Any

from parlor.llm import Model, ModelMessage, ModelRequest, ToolCall, ToolSpec, Usage, listen, opening, usage_of
from parlor.tools.console import OPERATOR
from parlor.tools.errors import TooManySteps
from parlor.tools.exchange import arguments_of, as_text, distinct, readable
from parlor.tools.executor import ToolExecutor
from parlor.tools.ports import ExecutionContext, InputRequired, Offer
from parlor.turns import ToolCalled, ToolResult

Tell = Callable[[str | ToolCalled | ToolResult], None]


class ToolConversation:
    def __init__(self, model: Model, offers: Sequence[Offer], executor: ToolExecutor, tell: Tell) -> None:
        """`tell` gets text as it comes, and calls and results as they happen."""
        self._model = model
        self._offers = {offer.tool.name: offer for offer in offers}
        self._specs = [ToolSpec(offer.tool.name, offer.tool.description, offer.tool.parameters) for offer in offers]
        self._executor = executor
        self._tell = tell

    async def ask(self, question: str, *, system: str | None, max_output_tokens: int | None, most_steps: int) -> dict[str, Any]:
        """`{model, text, finish_reason, steps, calls: [{tool, arguments, result, error}], usage}`; usage is the sum. Raises ModelFailed, TooManySteps."""
        messages, taken = opening(question, system), set[str]()
        calls: list[dict[str, Any]] = []
        usage: Usage | None = None
        for step in range(1, most_steps + 1):
            request = ModelRequest(messages, tools=self._specs, max_output_tokens=max_output_tokens or self._model.max_output_tokens)
            said = await listen(self._model, request, self._tell)
            usage = _sum(usage, said.usage)
            if not said.calls:
                answer = {"model": said.model, "text": said.text, "finish_reason": said.finish_reason, "steps": step}
                return {**answer, "calls": calls, "usage": usage_of(usage)}
            wanted = distinct(said.calls.values(), taken)
            messages.append(ModelMessage("assistant", said.text, tool_calls=[readable(call) for call in wanted], provider_state=said.state))
            for call in wanted:
                result = await self._run(call)
                calls.append({"tool": call.name, "arguments": arguments_of(call.arguments), "result": result.result, "error": result.error})
                messages.append(ModelMessage("tool", as_text(result.result, result.error), call_id=call.call_id))
        raise TooManySteps(most_steps)

    async def _run(self, call: ToolCall) -> ToolResult:
        arguments, offer = arguments_of(call.arguments), self._offers.get(call.name)
        self._tell(ToolCalled(call_id=call.call_id, tool=call.name, arguments=call.arguments if arguments is None else arguments))
        if offer is None:
            result = ToolResult(call_id=call.call_id, error=f"there is no tool called {call.name!r}")
        elif arguments is None:
            result = ToolResult(call_id=call.call_id, error="the arguments are not a JSON object")
        else:
            try:
                result = await self._executor.directly(offer, arguments, ExecutionContext(OPERATOR, call.call_id))
            except InputRequired as needed:
                result = ToolResult(call_id=call.call_id, error=f"the tool needs a person, and here is none to ask: {needed.asked.text}")
        self._tell(result)
        return result


def _sum(before: Usage | None, usage: Usage | None) -> Usage | None:
    if before is None or usage is None:
        return usage or before
    return Usage(*(getattr(before, name) + getattr(usage, name) for name in usage.__struct_fields__))
