"""Agents over HTTP."""

from typing import Annotated

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Path
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from parlor.accounts import ChatDep, ChatReadDep
from parlor.agents.catalog.authoring import AgentAuthoring
from parlor.agents.catalog.capabilities import AgentCapabilities
from parlor.agents.catalog.registry import AgentRegistry
from parlor.agents.catalog.schemas import AgentCreate, AgentRead, AgentUpdate, AgentVersionRead, Capabilities
from parlor.agents.definition import AgentDefinition
from parlor.agents.errors import (
    AgentChangedMeanwhile,
    AgentCodeRefused,
    AgentNameTaken,
    AgentOfOperator,
    GroupsRefused,
    NotYourAgent,
    TooManyAgents,
    UnknownAgent,
    UserAgentsOff,
)
from parlor.core.errors import BadRequest
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.llm import UnknownModel
from parlor.tools import ToolCaller

router = Router(tags=["agents"])

_NEWEST = 2**31 - 1
_REFUSALS = (AgentCodeRefused, GroupsRefused, UnknownModel)

AgentPath = Annotated[str, Path(min_length=1, max_length=100, description="An agent's name.", examples=["assistant"])]
IfMatch = Annotated[str | None, Header(max_length=40, description='The version that is to be changed: "3". With another there now, 409.')]


@router.get("/agents")
async def list_agents(caller: ChatReadDep, registry: FromDishka[AgentRegistry], page: PageDep) -> Page[AgentRead]:
    """All that you may use, by name."""
    asks, scope = ToolCaller.of(caller), f"agents:{caller.account_id}"
    after = page.after(scope, str) or ""
    rows = [each for each in await registry.visible(asks) if each.name > after][: page.fetch]
    items, next_cursor = cut_page(rows, page.limit, scope, lambda each: each.name)
    return Page(items=[AgentRead.of(each, asks) for each in items], next_cursor=next_cursor)


@router.get("/agents/{name}", responses=documents(UnknownAgent))
async def read_agent(name: AgentPath, caller: ChatReadDep, registry: FromDishka[AgentRegistry]) -> AgentRead:
    asks = ToolCaller.of(caller)
    return AgentRead.of(await registry.get(name, asks), asks)


@router.post("/agents", status_code=201, responses=documents(UserAgentsOff, AgentNameTaken, TooManyAgents, *_REFUSALS))
async def create_agent(body: AgentCreate, caller: ChatDep, authoring: FromDishka[AgentAuthoring]) -> AgentRead:
    """An administrator makes one for everybody, or for its `groups`; anybody else makes their own, which nobody else sees."""
    return AgentRead.of(await authoring.create(caller, body.name, _definition(body)), ToolCaller.of(caller))


@router.put("/agents/{name}", responses=documents(UnknownAgent, NotYourAgent, AgentOfOperator, AgentChangedMeanwhile, *_REFUSALS))
async def replace_agent(
    name: AgentPath, body: AgentUpdate, caller: ChatDep, authoring: FromDishka[AgentAuthoring], if_match: IfMatch = None
) -> AgentRead:  # fmt: skip
    """A new version, as a whole. The same again makes none."""
    known = await authoring.replace(caller, name, _definition(body), _version(if_match))
    return AgentRead.of(known, ToolCaller.of(caller))


@router.delete("/agents/{name}", status_code=204, responses=documents(UnknownAgent, NotYourAgent, AgentOfOperator))
async def delete_agent(name: AgentPath, caller: ChatDep, authoring: FromDishka[AgentAuthoring]) -> None:
    """With all its versions. The next message of a session that names it is refused with 404 until it names another."""
    await authoring.delete(caller, name)


@router.get("/agents/{name}/versions", responses=documents(UnknownAgent, NotYourAgent))
async def list_agent_versions(name: AgentPath, caller: ChatReadDep, authoring: FromDishka[AgentAuthoring], page: PageDep) -> Page[AgentVersionRead]:
    """What a stored agent was before, the newest first."""
    scope = f"agent_versions:{caller.account_id}:{name}"
    rows = await authoring.versions(caller, name, page.after(scope, int) or _NEWEST, page.fetch)
    items, next_cursor = cut_page(rows, page.limit, scope, lambda row: row.version)
    read = [AgentVersionRead(version=row.version, definition=row.definition, author_id=row.author_id, created_at=row.created_at) for row in items]
    return Page(items=read, next_cursor=next_cursor)


@router.get("/agent/capabilities")
async def read_capabilities(caller: ChatReadDep, capabilities: FromDishka[AgentCapabilities]) -> Capabilities:
    """Agents, tools, models and features that you may use."""
    return await capabilities.of(caller)


def _definition(body: AgentUpdate) -> AgentDefinition:
    """A kind without what it stands on is told as a mistake in the body."""
    try:
        return body.definition()
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match == "*":
        return None
    number = if_match.removeprefix("W/").strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise BadRequest('If-Match takes the version of an agent: "3".')
    return int(number)
