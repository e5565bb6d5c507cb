"""An agent ready to be run for one caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from parlor.agents.catalog.known import KnownAgent
from parlor.agents.definition import AgentDefinition
from parlor.llm import ModelParams, ToolSpec, estimate_tokens
from parlor.prompts import HISTORY, BasePrompt, EffectivePrompt, values_for
from parlor.tools import Offer, Toolbox, by_longest_glob


@dataclass(frozen=True, slots=True)
class Agent:
    """`offers` are the tools that it may use for the caller.

    `overhead_tokens` is what its prompt and its tools cost in every call of the model, estimated. `built` is for executors: what they have made of it
    and want to find again, such as a graph, lives as long as this agent is kept.
    """

    name: str
    definition: AgentDefinition
    params: ModelParams
    tools: tuple[ToolSpec, ...]
    offers: Mapping[str, Offer]
    overhead_tokens: int
    prompt: EffectivePrompt
    version: int | None = None
    built: dict[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)

    def render_prompt(self, now: datetime, user: Mapping[str, str], history: str | None = None) -> str:
        """For one turn. `user` is what templates may know of the person (`parlor.prompts.user_facts`); `history` is asked for by `uses_history`."""
        values = values_for(user, agent_name=self.name, agent_title=self.definition.title, now=now)
        return self.prompt.render(values if history is None else values | {HISTORY: history})

    @property
    def uses_history(self) -> bool:
        """Whether its prompt wants the conversation so far as one string."""
        return HISTORY in self.prompt.names


def base_prompt(name: str, definition: AgentDefinition) -> BasePrompt:
    return BasePrompt(name, definition.system_prompt, definition.locked_slots, definition.customizable)


def make_agent(known: KnownAgent, prompt: EffectivePrompt, toolbox: Toolbox) -> Agent:
    definition = known.definition
    matching = toolbox.matching(definition.tools)
    offers = [offer for offer in matching if by_longest_glob(offer.tool.name, definition.tool_policy.items()) != "deny"]
    specs = tuple(ToolSpec(name=offer.tool.name, description=offer.tool.description, parameters=offer.tool.parameters) for offer in offers)
    told = estimate_tokens(prompt.render({})) + sum(estimate_tokens(f"{each.name} {each.description} {each.parameters}") for each in specs)
    params = ModelParams(**definition.params)
    return Agent(known.name, definition, params, specs, {offer.tool.name: offer for offer in offers}, told, prompt, known.version)
