"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.agent_prompts import AgentPrompts
from parlor.agents.loop import AgentLoop
from parlor.agents.registry import AgentRegistry
from parlor.agents.topup import HoldTopUp


def agents_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(AgentPrompts, AgentRegistry, AgentLoop, HoldTopUp)
    return provider
