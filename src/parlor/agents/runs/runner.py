"""Runs the agent of a turn, with the executor of its kind, and the agents that it asks on the way."""

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase

from parlor.agents.catalog.agent import Agent
from parlor.agents.catalog.registry import AgentRegistry
from parlor.agents.errors import UnknownAgent
from parlor.agents.prompts.turn_prompts import TurnPrompts
from parlor.agents.runs.answer import Answer
from parlor.agents.runs.assignment import Assignment, RunState
from parlor.agents.runs.credit import TurnCredits
from parlor.agents.runs.delegation import DelegateTool
from parlor.agents.runs.kinds import ExecutorKinds
from parlor.agents.runs.run import AgentRun
from parlor.agents.runs.voices import AsideVoice, TurnVoice
from parlor.llm import Model, ModelAccess, ModelMessage, ModelRegistry, ModelRequest, Offer, ToolSpec, UnknownModel, message_tokens, offers_of
from parlor.tools import Offer as ToolOffer
from parlor.tools import ToolCaller, ToolError, ToolExecutor, ToolRegistry
from parlor.turns import Ending, Paused, RunningTurn
from parlor.wallet import Price

FREE = Price(input_micros_per_mtok=0, output_micros_per_mtok=0)
LONGEST_CALL_SECONDS = 3600.0
"""Of an agent that is asked and has no limit of its own: the turn's is shorter."""


class AgentRunner:
    def __init__(
        self,
        tools: ToolExecutor,
        registry: ToolRegistry,
        agents: AgentRegistry,
        models: ModelRegistry,
        credits: TurnCredits,
        prompts: TurnPrompts,
        kinds: ExecutorKinds,
    ) -> None:
        self.tools = tools
        self._registry = registry
        self._agents = agents
        self._models = models
        self._credits = credits
        self._prompts = prompts
        self._kinds = kinds

    async def run(self, running: RunningTurn, assignment: Assignment) -> Ending | Paused:
        """The work of a turn. Raises what a turn's work may raise: the engine ends the turn by it."""
        run = AgentRun(self, running, assignment, self._credits.of(running), TurnVoice(running))
        await self._prepare(run)
        async with asyncio.timeout(run.seconds_left()):
            return await self.execute(run)

    async def ask_aside(
        self, running: RunningTurn, assignment: Assignment, model: Model, offers: Sequence[Offer], request: ModelRequest, *, purpose: str
    ) -> Answer:
        """One call of any model before the run begins, such as for a summary; see `AgentRun.ask_aside`. Credit for the first step stays held beside it."""
        credit = self._credits.of(running)
        run = AgentRun(self, running, assignment, credit, TurnVoice(running))
        async with credit.reserved(assignment.offers, assignment.prompt_tokens, assignment.max_output_tokens), asyncio.timeout(run.seconds_left()):
            return await run.ask_aside(model, offers, request, purpose=purpose)

    async def execute(self, run: AgentRun) -> Ending | Paused:
        try:
            return await self._kinds.of(run.agent).run(run)
        finally:
            run.end()

    async def agent_now(self, name: str, caller: ToolCaller) -> Agent:
        return await self._agents.find(name, caller, await self._registry.toolbox(caller))

    async def nested(self, parent: AgentRun, name: str, message: str, call_id: str) -> AgentRun:
        """A run of the agent `name`, that answers `message` alone. Raises ToolError when it cannot be asked."""
        try:
            agent = await self.agent_now(name, parent.assignment.caller)
        except UnknownAgent:
            raise ToolError(f"there is no agent {name!r} any more") from None
        model, offers = await self._model_of(agent, parent)
        question = ModelMessage("user", message)
        state = parent.suspended_state(call_id)
        assignment = Assignment(
            agent,
            model,
            [question],
            agent.params,
            agent.overhead_tokens + message_tokens(question),
            min(model.max_output_tokens, agent.params.max_tokens or parent.assignment.max_output_tokens),
            offers,
            parent.assignment.caller,
            None if state is None else RunState.decode(state),
            parent.assignment.questions,
            is_free=parent.assignment.is_free,
        )
        run = AgentRun(self, parent.running, assignment, parent.credit, AsideVoice(parent.voice, call_id), parent, f"{call_id}/")
        await self._prepare(run)
        return run

    async def _model_of(self, agent: Agent, parent: AgentRun) -> tuple[Model, tuple[Offer, ...]]:
        """The agent's own, else the one of whoever asks."""
        if agent.definition.model is None:
            return parent.assignment.model, tuple(parent.assignment.offers)
        try:
            return await self.model_called(agent.definition.model, parent.assignment)
        except UnknownModel:
            raise ToolError(f"the model of the agent {agent.name!r} may not be used here") from None

    async def model_called(self, name: str, assignment: Assignment) -> tuple[Model, tuple[Offer, ...]]:
        """For the caller of this assignment, and at the prices that hold for them. Raises UnknownModel."""
        caller = assignment.caller
        model = await self._models.find(name, ModelAccess(caller.groups, caller.is_unlimited))
        return model, tuple(Offer(each.model, FREE) if assignment.is_free else each for each in offers_of(model))

    async def _prepare(self, run: AgentRun) -> None:
        run.use_prompt(await self._prompts.render(run.agent, run.assignment.caller.account_id, run.assignment.history_text))
        await self._add_delegates(run)

    async def _add_delegates(self, run: AgentRun) -> None:
        """The agents that this one may ask, as far down as the first of them allows."""
        globs = run.agent.definition.agents
        if not globs or run.depth >= run.root.agent.definition.limits.depth:
            return
        others = [each for each in await self._agents.visible(run.assignment.caller) if each.name != run.agent.name]
        tools = [DelegateTool(self, run, each.name, each.definition) for each in others if any(fnmatchcase(each.name, glob) for glob in globs)]
        run.delegates = {tool.name: ToolOffer(tool, "agent", timeout_seconds=LONGEST_CALL_SECONDS) for tool in tools}
        run.delegate_specs = [ToolSpec(tool.name, tool.description, tool.parameters) for tool in tools]
