"""How the services of agents are built."""

from dishka import Provider, Scope, provide

from parlor.agents.loop import AgentLoop
from parlor.agents.registry import AgentRegistry
from parlor.agents.topup import HoldTopUp


class AgentsProvider(Provider):
    scope = Scope.APP

    registry = provide(AgentRegistry)
    loop = provide(AgentLoop)
    top_up = provide(HoldTopUp)
