"""What may stand as `model` in a request of OpenAI's protocol: models, and agents with agent/ before their names."""

import asyncio
from dataclasses import dataclass

from parlor.agents import AgentRegistry, UnknownAgent
from parlor.llm import ModelAccess, ModelRegistry, NoModel, UnknownModel

AGENT_PREFIX = "agent/"


@dataclass(frozen=True, slots=True)
class Offered:
    """`owner` is the provider, or parlor."""

    id: str
    owner: str


class OpenAIModels:
    def __init__(self, models: ModelRegistry, agents: AgentRegistry) -> None:
        self._models = models
        self._agents = agents

    async def list(self, access: ModelAccess) -> list[Offered]:
        """Models as elsewhere, then the agents whose model one may use."""
        models = [Offered(each.name, each.provider) for each in await self._models.list(access)]
        names = self._agents.names()
        usable = await asyncio.gather(*(self._is_usable(name, access) for name in names))
        return [*models, *(_agent(name) for name, is_usable in zip(names, usable, strict=True) if is_usable)]

    async def get(self, model: str, access: ModelAccess) -> Offered:
        """By any name that a model has: the answer has the whole one. Raises UnknownModel."""
        if not model.startswith(AGENT_PREFIX):
            found = await self._models.find(model, access)
            return Offered(found.name, found.name.partition("/")[0])
        name = model.removeprefix(AGENT_PREFIX)
        if not await self._is_usable(name, access):
            raise UnknownModel(f"There is no model called {model[:100]}.")
        return _agent(name)

    async def _is_usable(self, name: str, access: ModelAccess) -> bool:
        try:
            await self._models.find(self._agents.definition(name).model, access)
        except (UnknownAgent, UnknownModel, NoModel):
            return False
        return bool(name)


def _agent(name: str) -> Offered:
    return Offered(AGENT_PREFIX + name, "parlor")
