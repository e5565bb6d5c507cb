"""What the container builds for this room."""

from dishka import Provider, Scope, decorate, provide

from parlor.core.lifecycle import StartupNotices
from parlor.llm.registry import ModelRegistry, provide_registry


class LlmProvider(Provider):
    scope = Scope.APP

    registry = provide(staticmethod(provide_registry))

    @decorate
    def notices(self, notices: StartupNotices, registry: ModelRegistry) -> StartupNotices:
        return notices.adding(registry.startup_lines)
