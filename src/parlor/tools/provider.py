"""How the services of tools are built."""

from dishka import Provider, Scope, provide

from parlor.core.collected import Tools
from parlor.tools.executor import ToolExecutor
from parlor.tools.registry import ToolRegistry


class ToolsProvider(Provider):
    scope = Scope.APP

    executor = provide(ToolExecutor)

    @provide
    def registry(self, tools: Tools) -> ToolRegistry:
        return ToolRegistry(tools)
