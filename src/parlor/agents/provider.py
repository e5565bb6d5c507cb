"""How the services of agents are built."""

from dishka import Provider, Scope

from parlor.agents.agent_prompts import AgentPrompts
from parlor.agents.credit import TurnCredits
from parlor.agents.executor_cache import ExecutorCache
from parlor.agents.files import AgentFiles
from parlor.agents.metrics import CacheMetrics
from parlor.agents.operators import OperatorAgents
from parlor.agents.registry import AgentRegistry
from parlor.agents.runner import AgentRunner
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.turn_prompts import TurnPrompts
from parlor.agents.user_data import AgentsUserData
from parlor.config import Settings


def _files(settings: Settings, runtime: AgentRuntimeSettings) -> AgentFiles:
    return runtime.files(settings.place)


def agents_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_files)
    provider.provide_all(AgentPrompts, AgentRegistry, AgentRunner, AgentsUserData, CacheMetrics, ExecutorCache, OperatorAgents, TurnCredits, TurnPrompts)
    return provider
