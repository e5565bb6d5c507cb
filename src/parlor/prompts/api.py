"""/prompts/customizations: finding one's own and removing them. Writing them needs the agent, and stands with the agents."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Query

from parlor.accounts import ChatDep, ChatReadDep
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.core.web.pages import BadCursor
from parlor.prompts.book import PromptBook
from parlor.prompts.errors import NoSuchCustomization
from parlor.prompts.schemas import AgentName, CustomizationRead

router = Router(prefix="/prompts", tags=["prompts"])


@router.get("/customizations", responses=documents(BadCursor))
async def list_customizations(
    caller: ChatReadDep, page: PageDep, book: FromDishka[PromptBook], agent_name: Annotated[AgentName | None, Query(description="Only over this agent.")] = None
) -> Page[CustomizationRead]:
    """The caller's own, newest first, inactive ones too."""
    scope = f"prompts.customizations:{caller.account_id}:{agent_name}"
    rows = await book.list(caller.account_id, agent_name, before=page.after(scope, UUID), most=page.fetch)
    shown, next_cursor = cut_page(rows, page.limit, scope, lambda row: row.id)
    return Page(items=[CustomizationRead.model_validate(row) for row in shown], next_cursor=next_cursor)


@router.get("/customizations/{customization_id}", responses=documents(NoSuchCustomization))
async def read_customization(customization_id: UUID, caller: ChatReadDep, book: FromDishka[PromptBook]) -> CustomizationRead:
    return CustomizationRead.model_validate(await book.get(caller.account_id, customization_id))


@router.delete("/customizations/{customization_id}", status_code=204, responses=documents(NoSuchCustomization))
async def delete_customization(customization_id: UUID, caller: ChatDep, book: FromDishka[PromptBook]) -> None:
    """From the next message on the agent is without it."""
    await book.delete(caller.account_id, customization_id)
