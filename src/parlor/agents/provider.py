"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.agent_prompts import AgentPrompts
from parlor.agents.credit import TurnCredits
from parlor.agents.registry import AgentRegistry
from parlor.agents.runner import AgentRunner


def agents_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(AgentPrompts, AgentRegistry, AgentRunner, TurnCredits)
    return provider
