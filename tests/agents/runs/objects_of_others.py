"""Objects as agents, as their authors would write them: `tests.agents.runs.objects_of_others:NAME`."""

from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableGenerator, RunnableLambda

from parlor.agents import AgentRun
from parlor.turns import COMPLETED, Ending


async def function(run: AgentRun) -> str:
    return f"You said {run.input}."


class Executor:
    async def run(self, run: AgentRun) -> Ending:
        answer = await run.ask(run.opening)
        run.say(f" ({len(answer.text)})")
        return COMPLETED


executor = Executor()


def factory() -> Executor:
    return Executor()


async def _pieces(_given: Any) -> Any:
    async for given in _given:
        yield AIMessageChunk(content=f"{given['input']} after ")
        yield f"{len(given['chat_history'])}"


streaming = cast("Any", RunnableGenerator)(_pieces)


async def _whole(given: Any) -> Any:
    return {"output": given["input"].upper()}


whole: Any = RunnableLambda(_whole)
number = 7
