"""What may stand as `model` in a request of OpenAI's protocol: models, and agents with agent/ before their names."""

import asyncio

import msgspec

from parlor.agents import AgentDefinition, AgentRegistry, UnknownAgent
from parlor.llm import ModelAccess, ModelRegistry, NoModel, UnknownModel
from parlor.tools import ToolCaller

AGENT_PREFIX = "agent/"


class Offered(msgspec.Struct, frozen=True):
    """`owner` is the provider, or parlor."""

    id: str
    owner: str


class OpenAIModels:
    def __init__(self, models: ModelRegistry, agents: AgentRegistry) -> None:
        self._models = models
        self._agents = agents

    async def list(self, caller: ToolCaller, access: ModelAccess) -> list[Offered]:
        """Models as elsewhere, then the agents that one may use and whose model one may use."""
        models = [Offered(each.name, each.provider) for each in await self._models.list(access)]
        agents = await self._agents.visible(caller)
        usable = await asyncio.gather(*(self._has_model(each.definition, access) for each in agents))
        return [*models, *(_agent(each.name) for each, is_usable in zip(agents, usable, strict=True) if is_usable)]

    async def get(self, model: str, caller: ToolCaller, access: ModelAccess) -> Offered:
        """By any name that a model has: the answer has the whole one. Raises UnknownModel."""
        if not model.startswith(AGENT_PREFIX):
            found = await self._models.find(model, access)
            return Offered(found.name, found.name.partition("/")[0])
        name = model.removeprefix(AGENT_PREFIX)
        try:
            is_usable = bool(name) and await self._has_model(await self._agents.definition(name, caller), access)
        except UnknownAgent:
            is_usable = False
        if not is_usable:
            raise UnknownModel(f"There is no model called {model[:100]}.")
        return _agent(name)

    async def _has_model(self, agent: AgentDefinition, access: ModelAccess) -> bool:
        try:
            await self._models.find(agent.model, access)
        except (UnknownModel, NoModel):
            return False
        return True


def _agent(name: str) -> Offered:
    return Offered(AGENT_PREFIX + name, "parlor")
