"""What runs an agent: the built-in loop, a graph, or any object of yours that can `run`."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from parlor.agents.runs.run import AgentRun
    from parlor.turns import Ending, Paused


class AgentExecutor(Protocol):
    """Stateless, or bound to its agent: any number of runs may be in it at once."""

    async def run(self, run: "AgentRun") -> "Ending | Paused":
        """Answer the question of this run: `run.ask`, `run.call_tools` and `run.say` are what it has to do so, and what they raise may pass.

        Ends with how it ended, or with `run.paused(...)` when people must answer first: then it is called again, with `run.own_state`.
        """
        ...
