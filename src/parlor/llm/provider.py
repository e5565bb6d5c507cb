"""What the container builds for this room."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope, decorate, provide

from parlor.core.lifecycle import StartupNotices
from parlor.core.outbound import Outbound
from parlor.llm.registry import ModelRegistry
from parlor.llm.settings import LlmSettings
from parlor.wallet import WalletSettings


class LlmProvider(Provider):
    scope = Scope.APP

    @provide
    async def registry(self, settings: LlmSettings, wallet: WalletSettings, outbound: Outbound) -> AsyncIterator[ModelRegistry]:
        registry = ModelRegistry(settings, wallet, outbound)
        yield registry
        await registry.close()

    @decorate
    def notices(self, notices: StartupNotices, registry: ModelRegistry) -> StartupNotices:
        return notices.adding(registry.startup_lines)
