"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.catalog.authoring import AgentAuthoring
from parlor.agents.catalog.capabilities import AgentCapabilities
from parlor.agents.catalog.executor_cache import ExecutorCache
from parlor.agents.catalog.files import AgentFiles
from parlor.agents.catalog.keeper import AgentFileKeeper
from parlor.agents.catalog.metrics import CacheMetrics
from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.catalog.registry import AgentRegistry
from parlor.agents.prompts.agent_prompts import AgentPrompts
from parlor.agents.prompts.turn_prompts import TurnPrompts
from parlor.agents.runs.credit import TurnCredits
from parlor.agents.runs.kinds import ExecutorKinds
from parlor.agents.runs.runner import AgentRunner
from parlor.agents.runtime_settings import AgentRuntimeSettings
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
