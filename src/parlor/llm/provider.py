"""What the container builds for this room."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope

from parlor.core.lifecycle import StartupNotices
from parlor.core.outbound import Outbound
from parlor.llm.registry import ModelRegistry
from parlor.llm.settings import LlmSettings
from parlor.wallet import WalletSettings


async def _registry(settings: LlmSettings, wallet: WalletSettings, outbound: Outbound) -> AsyncIterator[ModelRegistry]:
    registry = ModelRegistry(settings, wallet, outbound)
    yield registry
    await registry.close()


def _notices(notices: StartupNotices, registry: ModelRegistry) -> StartupNotices:
    return notices.adding(registry.startup_lines)


def llm_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_registry)
    provider.decorate(_notices)
    return provider
