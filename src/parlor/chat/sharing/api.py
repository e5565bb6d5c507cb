"""Links to sessions over HTTP."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Query, Response

from parlor.accounts import ChatDep
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.sharing.errors import NoSuchShare, NothingToShare, ShareTooLarge, SharingOff
from parlor.chat.sharing.schemas import SharedMessage, SharedRead, ShareRead
from parlor.chat.sharing.shares import Shares
from parlor.core.web import PUBLIC, Router, ServerSettings, documents

router = Router(tags=["sessions"])


@router.post("/sessions/{session_id}/share", status_code=201, responses=documents(NoSuchSession, NoSuchMessage, NothingToShare, ShareTooLarge, SharingOff))
async def share_session(
    session_id: UUID,
    caller: ChatDep,
    shares: FromDishka[Shares],
    server: FromDishka[ServerSettings],
    branch: Annotated[UUID | None, Query(description="The last message of the branch to show; without it the newest.")] = None,
) -> ShareRead:
    """A link to the conversation as it is now. Asking again makes another link with what was said since, and ends the one before."""
    token, shared_at = await shares.share(session_id, caller.account_id, branch)
    return ShareRead(token=token, url=f"{server.base_url()}/api/v1/shared/{token}", created_at=shared_at)


@router.delete("/sessions/{session_id}/share", status_code=204, responses=documents(NoSuchSession))
async def unshare_session(session_id: UUID, caller: ChatDep, shares: FromDishka[Shares]) -> Response:
    """Ends the link, if there is one."""
    await shares.revoke(session_id, caller.account_id)
    return Response(status_code=204)


@router.get("/shared/{token}", openapi_extra=PUBLIC, responses=documents(NoSuchShare))
async def read_shared(token: str, response: Response, shares: FromDishka[Shares]) -> SharedRead:
    """What a link shows."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    snapshot = await shares.read(token)
    messages = [SharedMessage.model_validate(message) for message in snapshot.messages]
    return SharedRead(title=snapshot.title, messages=messages, created_at=snapshot.created_at, shared_at=snapshot.shared_at)
