"""Writing layers over the prompts of agents, and seeing what comes of them."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Path, Response

from parlor.accounts import ChatDep, ChatReadDep
from parlor.agents.errors import UnknownAgent
from parlor.agents.prompts.agent_prompts import AgentPrompts
from parlor.agents.prompts.schemas import EffectivePromptRead
from parlor.core.idempotency import BadIdempotencyKey, IdempotencyMismatch
from parlor.core.web import Router, documents
from parlor.prompts import (
    CustomizationRead,
    CustomizationWrite,
    IdempotencyHeader,
    LayerTooLarge,
    NoSuchCustomization,
    NotCustomizable,
    PromptBook,
    RequestKey,
    SlotLocked,
    TooManyLayers,
)
from parlor.tools import ToolCaller

router = Router(tags=["prompts"])

_REFUSALS = (UnknownAgent, NotCustomizable, SlotLocked, LayerTooLarge, TooManyLayers)


@router.post("/prompts/customizations", status_code=201, responses=documents(*_REFUSALS, BadIdempotencyKey, IdempotencyMismatch))
async def create_customization(
    body: CustomizationWrite,
    caller: ChatDep,
    prompts: FromDishka[AgentPrompts],
    book: FromDishka[PromptBook],
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> CustomizationRead:
    """Put a layer of one's own over the prompt of an agent. Nobody else sees it or is affected."""
    key = None if idempotency_key is None else RequestKey.of(idempotency_key, body.model_dump(mode="json"))
    written = await book.create(caller.account_id, await prompts.base(ToolCaller.of(caller), body.agent_name), body.draft(), key)
    if written.is_repeat:
        response.headers["Idempotency-Replayed"] = "true"
    return CustomizationRead.model_validate(written.customization)


@router.put("/prompts/customizations/{customization_id}", responses=documents(NoSuchCustomization, *_REFUSALS))
async def update_customization(
    customization_id: UUID, body: CustomizationWrite, caller: ChatDep, prompts: FromDishka[AgentPrompts], book: FromDishka[PromptBook]
) -> CustomizationRead:
    """Write it anew as a whole, over the prompt as it is now. What is left out gets its default."""
    base = await prompts.base(ToolCaller.of(caller), body.agent_name)
    return CustomizationRead.model_validate(await book.update(caller.account_id, customization_id, base, body.draft()))


@router.get("/agents/{name}/effective-prompt", responses=documents(UnknownAgent))
async def read_effective_prompt(
    name: Annotated[str, Path(max_length=200, examples=["assistant"])], caller: ChatReadDep, prompts: FromDishka[AgentPrompts]
) -> EffectivePromptRead:
    """The prompt of an agent as it is for the caller, and where each part of it comes from."""
    return EffectivePromptRead.of(await prompts.effective(ToolCaller.of(caller), name))
