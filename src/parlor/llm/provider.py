"""What the container builds for this room."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope

from parlor.core.cache import Cache
from parlor.core.db import Database
from parlor.core.lifecycle import StartupNotices
from parlor.core.outbound import Outbound
from parlor.llm.embeddings.cache import EmbeddingCache
from parlor.llm.gate import ModelGate
from parlor.llm.metrics import HouseCosts
from parlor.llm.price_list import PriceList
from parlor.llm.pricing import Pricing
from parlor.llm.registry import ModelRegistry
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.provider import provide_stateless
from parlor.wallet import CurrentPrices, PriceBook, WalletService, WalletSettings


def _pricing(settings: LlmSettings, wallet: WalletSettings, current: CurrentPrices) -> Pricing:
    return Pricing(settings, wallet.default_price, current)


async def _registry(settings: LlmSettings, pricing: Pricing, outbound: Outbound) -> AsyncIterator[ModelRegistry]:
    registry = ModelRegistry(settings, pricing, outbound)
    yield registry
    await registry.close()


def _embedding_cache(cache: Cache, settings: LlmSettings) -> EmbeddingCache:
    return EmbeddingCache(cache, settings.embeddings)


async def _gate(
    db: Database, wallet: WalletService, prices: PriceBook, settings: WalletSettings, embeddings: EmbeddingCache, costs: HouseCosts
) -> AsyncIterator[ModelGate]:
    gate = ModelGate(db, wallet, prices, settings, embeddings=embeddings, costs=costs)
    yield gate
    await gate.close()


def _notices(notices: StartupNotices, registry: ModelRegistry) -> StartupNotices:
    return notices.adding(registry.startup_lines)


def llm_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_pricing)
    provider.provide(_registry)
    provider.provide(_embedding_cache)
    provider.provide(_gate)
    provider.provide_all(HouseCosts, PriceList)
    provide_stateless(provider)
    provider.decorate(_notices)
    return provider
