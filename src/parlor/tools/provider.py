"""How the services of tools are built."""

from dishka import Provider, Scope

from parlor.core.collected import Tools
from parlor.tools.executor import ToolExecutor
from parlor.tools.mcp.provider import provide_mcp
from parlor.tools.registry import ToolRegistry
from parlor.tools.running import ToolRunner
from parlor.tools.user_data import ToolsUserData


def _registry(tools: Tools) -> ToolRegistry:
    return ToolRegistry(each for each in tools if not hasattr(each, "offered"))  # sources are asked for each caller


def tools_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(ToolExecutor)
    provider.provide(ToolRunner)
    provider.provide(_registry)
    provider.provide(ToolsUserData)
    provide_mcp(provider)
    return provider
