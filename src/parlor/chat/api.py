"""Sessions and search over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Query, Response

from parlor.accounts import ChatDep, ChatReadDep
from parlor.agents import UnknownAgent
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.schemas import (
    ForkCreate,
    FoundMessage,
    MessageRead,
    NotesUpdate,
    SessionCreate,
    SessionRead,
    SessionUpdate,
)
from parlor.chat.searching import MessageSearch, highlights
from parlor.chat.sessions import Listing, Sessions
from parlor.core.web import Page, PageDep, Router, cut_page, documents
from parlor.llm import ModelAccess, UnknownModel
from parlor.turns import TurnInProgress

router = Router(tags=["sessions"])

_COLUMNS = {"pinned": "is_pinned", "archived": "is_archived"}
_MAY_BE_NULL = ("agent", "model")


@router.post("/sessions", status_code=201, responses=documents(UnknownAgent, UnknownModel))
async def create_session(body: SessionCreate, caller: ChatDep, sessions: FromDishka[Sessions]) -> SessionRead:
    row = await sessions.create(
        caller.account_id,
        title=body.title,
        category=body.category,
        agent=body.agent,
        model=body.model,
        metadata=body.metadata or {},
        access=ModelAccess.of(caller),
    )
    return SessionRead.of(row)


@router.get("/sessions")
async def list_sessions(
    caller: ChatReadDep,
    page: PageDep,
    sessions: FromDishka[Sessions],
    category: Annotated[str | None, Query(max_length=100)] = None,
    q: Annotated[str, Query(max_length=200, description="A piece of the title.")] = "",
    archived: bool = False,
) -> Page[SessionRead]:
    """Last used first."""
    scope = f"sessions:{caller.account_id}:{category}:{q}:{archived}"
    before = page.after(scope, tuple[datetime, UUID])
    rows, running = await sessions.list(caller.account_id, Listing(archived, category, q), before, page.fetch)
    shown, cursor = cut_page(rows, page.limit, scope, lambda row: (row.last_active_at, row.id))
    return Page(items=[SessionRead.of(row, running.get(row.id)) for row in shown], next_cursor=cursor)


@router.get("/sessions/{session_id}", responses=documents(NoSuchSession))
async def read_session(session_id: UUID, caller: ChatReadDep, sessions: FromDishka[Sessions]) -> SessionRead:
    return SessionRead.of(*await sessions.get(session_id, caller.account_id))


@router.patch("/sessions/{session_id}", responses=documents(NoSuchSession, UnknownAgent, UnknownModel))
async def update_session(session_id: UUID, body: SessionUpdate, caller: ChatDep, sessions: FromDishka[Sessions]) -> SessionRead:
    sent = body.model_dump(exclude_unset=True)
    changes = {_COLUMNS.get(name, name): value for name, value in sent.items() if value is not None or name in _MAY_BE_NULL}
    await sessions.change(session_id, caller.account_id, changes, ModelAccess.of(caller))
    return SessionRead.of(*await sessions.get(session_id, caller.account_id))


@router.put("/sessions/{session_id}/notes", responses=documents(NoSuchSession))
async def write_notes(session_id: UUID, body: NotesUpdate, caller: ChatDep, sessions: FromDishka[Sessions]) -> SessionRead:
    await sessions.change(session_id, caller.account_id, {"notes": body.notes})
    return SessionRead.of(*await sessions.get(session_id, caller.account_id))


@router.delete("/sessions/{session_id}", status_code=204, responses=documents(NoSuchSession, TurnInProgress))
async def delete_session(session_id: UUID, caller: ChatDep, sessions: FromDishka[Sessions]) -> Response:
    """A turn that runs in it is stopped and billed."""
    await sessions.delete(session_id, caller.account_id)
    return Response(status_code=204)


@router.post("/sessions/{session_id}/fork", status_code=201, responses=documents(NoSuchSession, NoSuchMessage))
async def fork_session(session_id: UUID, body: ForkCreate, caller: ChatDep, sessions: FromDishka[Sessions]) -> SessionRead:
    """A new session that begins with the path to a message."""
    return SessionRead.of(await sessions.fork(session_id, caller.account_id, body.message_id, body.title))


@router.get("/sessions/{session_id}/messages", responses=documents(NoSuchSession, NoSuchMessage))
async def list_messages(
    session_id: UUID,
    caller: ChatReadDep,
    page: PageDep,
    sessions: FromDishka[Sessions],
    branch: Annotated[UUID | None, Query(description="The last message of the branch to show; without it the newest.")] = None,
) -> Page[MessageRead]:
    """Oldest first."""
    scope = f"messages:{session_id}:{branch}"
    rows = await sessions.messages(session_id, caller.account_id, branch, page.after(scope, int) or 0, page.fetch)
    shown, cursor = cut_page(rows, page.limit, scope, lambda row: row.seq)
    return Page(items=[MessageRead.of(row) for row in shown], next_cursor=cursor)


@router.get("/search")
async def search_messages(
    caller: ChatReadDep, page: PageDep, search: FromDishka[MessageSearch], q: Annotated[str, Query(min_length=1, max_length=500)]
) -> Page[FoundMessage]:
    """One's own messages that have all the words, newest first."""
    scope = f"search:{caller.account_id}:{q}"
    rows = await search.search(caller.account_id, q, page.after(scope, int), page.fetch)
    shown, cursor = cut_page(rows, page.limit, scope, lambda row: row.number)
    items = [
        FoundMessage(
            message_id=row.id,
            session_id=row.session_id,
            session_title=row.title,
            role=row.role,
            created_at=row.created_at,
            highlights=highlights(row.snippet),
        )
        for row in shown
    ]
    return Page(items=items, next_cursor=cursor)
