"""/auth/sessions: one's signed-in devices."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from parlor.accounts.access import CallerDep
from parlor.accounts.devices import Devices
from parlor.accounts.errors import NoSuchSignIn
from parlor.accounts.session_reply import CookiesDep
from parlor.accounts.sign_in_queries import SignIn
from parlor.core.web.pages import BadCursor, Page, PageDep, cut_page
from parlor.core.web.problems import documents
from parlor.core.web.routing import Router
from parlor.core.web.schemas import Reply


class DeviceRead(Reply):
    id: UUID
    method: str = Field(description="How: `password`, `google`, `issuer` or `setup`.")
    user_agent: str | None = Field(description="What the browser or program called itself then.")
    address: str | None
    created_at: datetime
    last_used_at: datetime = Field(description="When it last got new tokens.")
    expires_at: datetime = Field(description="When it ends unless it is used before.")
    is_current: bool = Field(description="Whether this request comes from it.")

    @classmethod
    def of(cls, sign_in: SignIn, current: UUID | None) -> "DeviceRead":
        return cls.model_validate({**sign_in._asdict(), "is_current": sign_in.id == current})


def devices_router() -> APIRouter:
    router = Router(prefix="/auth/sessions", tags=["accounts"])

    @router.get("", responses=documents(BadCursor))
    async def list_sign_ins(caller: CallerDep, page: PageDep, devices: FromDishka[Devices]) -> Page[DeviceRead]:
        """Where one is signed in, newest first."""
        scope = f"sign_ins:{caller.account_id}"
        rows = await devices.list(caller.account_id, before=page.after(scope, UUID), most=page.fetch)
        shown, next_cursor = cut_page(rows, page.limit, scope, lambda row: row.id)
        return Page(items=[DeviceRead.of(row, caller.sign_in_id) for row in shown], next_cursor=next_cursor)

    @router.delete("/{sign_in_id}", status_code=204, responses=documents(NoSuchSignIn))
    async def end_sign_in(sign_in_id: UUID, caller: CallerDep, devices: FromDishka[Devices], cookies: CookiesDep, request: Request, response: Response) -> None:
        """Sign out there: its tokens end within 5 seconds everywhere."""
        await devices.end(caller.account_id, sign_in_id)
        if caller.credential == "cookie" and sign_in_id == caller.sign_in_id:
            cookies.take(request, response)

    @router.delete("", status_code=204)
    async def end_sign_ins(
        caller: CallerDep,
        devices: FromDishka[Devices],
        cookies: CookiesDep,
        request: Request,
        response: Response,
        everywhere: Annotated[bool, Query(alias="all", description="This device too.")] = False,
    ) -> None:
        """Sign out everywhere else."""
        await devices.end_all(caller.account_id, but=None if everywhere else caller.sign_in_id)
        if caller.credential == "cookie" and everywhere:
            cookies.take(request, response)

    return router
