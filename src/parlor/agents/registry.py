"""Which agents there are."""

from dataclasses import dataclass

from parlor.agents.errors import UnknownAgent
from parlor.agents.settings import DEFAULT_AGENT, AgentDefinition, AgentsSettings
from parlor.llm import ModelParams, ToolSpec, estimate_tokens
from parlor.tools import ToolRegistry


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent ready to be run. `overhead_tokens` is what its prompt and its tools cost in every call of the model, estimated."""

    name: str
    definition: AgentDefinition
    params: ModelParams
    tools: tuple[ToolSpec, ...]
    tool_names: frozenset[str]
    overhead_tokens: int


class AgentRegistry:
    def __init__(self, settings: AgentsSettings, tools: ToolRegistry) -> None:
        self._agents = {name: _ready(name, definition, tools) for name, definition in settings.definitions().items()}

    def get(self, name: str | None) -> Agent:
        """None is the default agent. Raises UnknownAgent."""
        agent = self._agents.get(name or DEFAULT_AGENT)
        if agent is None:
            raise UnknownAgent()
        return agent

    def names(self) -> list[str]:
        return sorted(self._agents)


def _ready(name: str, definition: AgentDefinition, tools: ToolRegistry) -> Agent:
    specs = tuple(ToolSpec(name=tool.name, description=tool.description, parameters=tool.parameters) for tool in tools.matching(definition.tools))
    overhead = estimate_tokens(definition.system_prompt) + sum(estimate_tokens(f"{each.name} {each.description} {each.parameters}") for each in specs)
    return Agent(name, definition, ModelParams(**definition.params), specs, frozenset(each.name for each in specs), overhead)
