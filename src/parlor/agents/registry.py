"""Which agents there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from parlor.agents.definition import AgentDefinition
from parlor.agents.errors import UnknownAgent
from parlor.agents.settings import DEFAULT_AGENT, AgentsSettings
from parlor.llm import ModelParams, ToolSpec, estimate_tokens
from parlor.tools import Offer, Toolbox, by_longest_glob


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent ready to be run for one caller: `offers` are the tools that it may use for them.

    `overhead_tokens` is what its prompt and its tools cost in every call of the model, estimated.
    """

    name: str
    definition: AgentDefinition
    params: ModelParams
    tools: tuple[ToolSpec, ...]
    offers: Mapping[str, Offer]
    overhead_tokens: int


class AgentRegistry:
    def __init__(self, settings: AgentsSettings) -> None:
        self._definitions = settings.definitions()
        self._params = {name: ModelParams(**definition.params) for name, definition in self._definitions.items()}
        self._ready: WeakKeyDictionary[Toolbox, dict[str, Agent]] = WeakKeyDictionary()

    def definition(self, name: str | None) -> AgentDefinition:
        """None is the default agent. Raises UnknownAgent."""
        found = self._definitions.get(name or DEFAULT_AGENT)
        if found is None:
            raise UnknownAgent()
        return found

    def get(self, name: str | None, toolbox: Toolbox) -> Agent:
        """The agent with the tools of this box. None is the default agent. Raises UnknownAgent."""
        definition = self.definition(name)
        ready = self._ready.setdefault(toolbox, {})
        name = name or DEFAULT_AGENT
        agent = ready.get(name)
        if agent is None:
            agent = ready[name] = self._make(name, definition, toolbox)
        return agent

    def names(self) -> list[str]:
        return sorted(self._definitions)

    def _make(self, name: str, definition: AgentDefinition, toolbox: Toolbox) -> Agent:
        offers = [offer for offer in toolbox.matching(definition.tools) if by_longest_glob(offer.tool.name, definition.tool_policy.items()) != "deny"]
        specs = tuple(ToolSpec(name=offer.tool.name, description=offer.tool.description, parameters=offer.tool.parameters) for offer in offers)
        overhead = estimate_tokens(definition.system_prompt) + sum(estimate_tokens(f"{each.name} {each.description} {each.parameters}") for each in specs)
        return Agent(name, definition, self._params[name], specs, {offer.tool.name: offer for offer in offers}, overhead)
