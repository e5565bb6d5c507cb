"""How the services of tools are built."""

from dishka import Provider, Scope

from parlor.core.collected import Tools
from parlor.tools.arguments import ArgumentCheck
from parlor.tools.direct import DirectCalls, ReviewedCalls
from parlor.tools.executor import ToolExecutor
from parlor.tools.mcp.provider import provide_mcp
from parlor.tools.metrics import ToolMetrics
from parlor.tools.policy import ToolPolicy
from parlor.tools.registry import ToolRegistry
from parlor.tools.running import ToolRunner
from parlor.tools.user_data import ToolsUserData


def _registry(tools: Tools, policy: ToolPolicy) -> ToolRegistry:
    return ToolRegistry(tools, policy)


def tools_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(ArgumentCheck, DirectCalls, ReviewedCalls, ToolExecutor, ToolMetrics, ToolPolicy, ToolRunner)
    provider.provide(_registry)
    provider.provide(ToolsUserData)
    provide_mcp(provider)
    return provider
