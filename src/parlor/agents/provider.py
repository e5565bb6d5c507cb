"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.agent_prompts import AgentPrompts
from parlor.agents.authoring import AgentAuthoring
from parlor.agents.capabilities import AgentCapabilities
from parlor.agents.credit import TurnCredits
from parlor.agents.executor_cache import ExecutorCache
from parlor.agents.files import AgentFiles
from parlor.agents.keeper import AgentFileKeeper
from parlor.agents.kinds import ExecutorKinds
from parlor.agents.metrics import CacheMetrics
from parlor.agents.operators import OperatorAgents
from parlor.agents.registry import AgentRegistry
from parlor.agents.runner import AgentRunner
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.turn_prompts import TurnPrompts
from parlor.agents.user_data import AgentsUserData
from parlor.config import Settings
from parlor.core.lifecycle import Residents


def _files(settings: Settings, runtime: AgentRuntimeSettings) -> AgentFiles:
    return runtime.files(settings.place)


def _residents(residents: Residents, keeper: AgentFileKeeper) -> Residents:
    return residents.adding("agents", keeper.live)


def agents_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_files)
    provider.provide_all(
        AgentAuthoring,
        AgentCapabilities,
        AgentFileKeeper,
        AgentPrompts,
        AgentRegistry,
        AgentRunner,
        AgentsUserData,
        CacheMetrics,
        ExecutorCache,
        ExecutorKinds,
        OperatorAgents,
        TurnCredits,
        TurnPrompts,
    )
    provider.decorate(_residents)
    return provider
