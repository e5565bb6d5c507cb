"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.loop import AgentLoop
from parlor.agents.registry import AgentRegistry
from parlor.agents.topup import HoldTopUp


def agents_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(AgentRegistry, AgentLoop, HoldTopUp)
    return provider
