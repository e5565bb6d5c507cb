"""OpenAI's endpoints, at the root and not below /api/v1: their clients add /v1 to no path of ours."""

from typing import Annotated

from dishka.integrations.fastapi import FromDishka
from fastapi import Path

from parlor.accounts import ChatReadDep
from parlor.core.web import Router, documents
from parlor.llm import ModelAccess, UnknownModel
from parlor.protocols.openai.models import Offered, OpenAIModels
from parlor.protocols.openai.schemas import ModelObject, ModelObjects
from parlor.tools import ToolCaller

router = Router(prefix="//v1", tags=["OpenAI"])

ModelId = Annotated[str, Path(max_length=300, description="provider/model, an alias, or agent/name.")]


@router.get("/models")
async def list_openai_models(caller: ChatReadDep, models: FromDishka[OpenAIModels]) -> ModelObjects:
    """Models and agents that the caller may use."""
    return ModelObjects(data=[_object(each) for each in await models.list(ToolCaller.of(caller), ModelAccess.of(caller))])


@router.get("/models/{model:path}", responses=documents(UnknownModel))
async def read_openai_model(model: ModelId, caller: ChatReadDep, models: FromDishka[OpenAIModels]) -> ModelObject:
    return _object(await models.get(model, ToolCaller.of(caller), ModelAccess.of(caller)))


def _object(offered: Offered) -> ModelObject:
    return ModelObject(id=offered.id, owned_by=offered.owner)
