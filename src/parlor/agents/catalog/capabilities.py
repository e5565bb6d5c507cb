"""What a caller may use, for a front end that builds its menus from it."""

from parlor.accounts import Caller
from parlor.agents.catalog.registry import AgentRegistry
from parlor.agents.catalog.schemas import Capabilities, OfferedAgent, OfferedModel, OfferedTool
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.llm import ModelAccess, ModelRegistry
from parlor.tools import ToolCaller, ToolRegistry


class AgentCapabilities:
    def __init__(self, agents: AgentRegistry, tools: ToolRegistry, models: ModelRegistry, settings: AgentRuntimeSettings) -> None:
        self._agents = agents
        self._tools = tools
        self._models = models
        self._settings = settings

    async def of(self, caller: Caller) -> Capabilities:
        asks = ToolCaller.of(caller)
        toolbox, models = await self._tools.toolbox(asks), await self._models.list(ModelAccess.of(caller))
        agents = await self._agents.visible(asks)
        return Capabilities(
            agents=[OfferedAgent(name=each.name, title=each.definition.title, description=each.definition.description) for each in agents],
            tools=[OfferedTool(name=each.tool.name, description=each.tool.description) for each in toolbox.offers],
            models=[OfferedModel(name=each.name, is_default=each.is_default, capabilities={**each.capabilities}) for each in models],
            features={
                "streaming": True,
                "approvals": True,
                "own_agents": caller.is_admin or self._settings.allow_user_agents,
                "prompt_customization": any(each.definition.customizable for each in agents),
                "sub_agents": any(each.definition.agents for each in agents),
                "code_agents": any(each.definition.kind != "loop" for each in agents),
            },
        )
