"""Which models a caller may name."""

from dishka.integrations.fastapi import FromDishka

from parlor.accounts import ChatReadDep
from parlor.core.errors import Unauthenticated
from parlor.core.web import Router, documents
from parlor.llm.access import ModelAccess
from parlor.llm.registry import ModelInfo, ModelRegistry
from parlor.llm.schemas import ModelPage, ModelRead, PriceRead
from parlor.wallet import PriceBook

router = Router(tags=["models"])


@router.get("/models", responses=documents(Unauthenticated))
async def list_models(caller: ChatReadDep, models: FromDishka[ModelRegistry], prices: FromDishka[PriceBook]) -> ModelPage:
    """Every model that a session, a message or an agent of the caller can name, the default one marked."""
    await prices.fresh()
    return ModelPage(items=[_read(model) for model in await models.list(ModelAccess.of(caller))])


def _read(model: ModelInfo) -> ModelRead:
    price = PriceRead(input_micros_per_mtok=model.price.input_micros_per_mtok, output_micros_per_mtok=model.price.output_micros_per_mtok)
    return ModelRead(
        name=model.name,
        provider=model.provider,
        is_default=model.is_default,
        aliases=list(model.aliases),
        fallbacks=list(model.fallbacks),
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        price=price,
        capabilities=dict(model.capabilities),
        groups=list(model.groups),
    )
