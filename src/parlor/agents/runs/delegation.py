"""Agents as tools of agents: one is asked a question of its own, in a run inside the turn, and what it says is the result of the call."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parlor.agents.definition import AgentDefinition
from parlor.agents.runs.limits import LimitReached
from parlor.llm import ModelFailed
from parlor.tools import ExecutionContext, Suspended, ToolError
from parlor.turns import SENTENCES, Paused, TurnState

if TYPE_CHECKING:
    from parlor.agents.runs.run import AgentRun
    from parlor.agents.runs.runner import AgentRunner

PREFIX = "agent_"
"""Of the tool that asks an agent: policies name it like any other, `"agent_*" = "ask"`."""

PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "What to ask. The agent knows nothing else: say all that it needs."}},
    "required": ["message"],
    "additionalProperties": False,
}


class DelegateTool:
    """Asks the agent `agent` on behalf of the run `parent`."""

    def __init__(self, runner: "AgentRunner", parent: "AgentRun", agent: str, definition: AgentDefinition) -> None:
        self._runner = runner
        self._parent = parent
        self._agent = agent
        self.name = PREFIX + agent
        self.description = f"Ask the agent {definition.title or agent}: {definition.description}".rstrip(": ")
        self.parameters = PARAMETERS

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> str:
        """What the agent says. Raises Suspended when it waits for people, and what ends the whole turn."""
        run = await self._runner.nested(self._parent, self._agent, arguments["message"], context.call_id)
        try:
            async with asyncio.timeout(run.seconds_left()):
                outcome = await self._runner.execute(run)
        except LimitReached as reached:
            if not run.is_limit_of_mine(reached):
                raise
            raise ToolError(_so_far(SENTENCES[reached.reason], run.said)) from None
        except ModelFailed:
            raise ToolError(f"the model of the agent {self._agent!r} did not answer") from None
        except TimeoutError:
            raise ToolError(_so_far("The agent took longer than it may.", run.said)) from None
        if isinstance(outcome, Paused):
            raise Suspended(outcome.questions, outcome.state)
        if outcome.state is not TurnState.COMPLETED:
            raise ToolError("the agent could not answer this")
        return run.said


def _so_far(why: str, said: str) -> str:
    return f"{why} Until then it said: {said}" if said else why
