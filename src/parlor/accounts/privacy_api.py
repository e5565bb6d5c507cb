"""Export and erasure, of oneself and, for administrators, of others."""

from typing import Any
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from parlor.accounts.access import AdminDep, CallerDep
from parlor.accounts.erasure import Erasure
from parlor.accounts.errors import AccountNotFound, AdministratorsOnly, HashingBusy, InvalidCredentials, LastAdministrator
from parlor.accounts.exports import Exports
from parlor.accounts.schemas import AccountErase, ErasureRead
from parlor.core.web.problems import documents
from parlor.core.web.routing import Router

_ZIP: dict[int | str, dict[str, Any]] = {200: {"description": "A zip file.", "content": {"application/zip": {}}}}
_UNFINISHED: dict[int | str, dict[str, Any]] = {202: {"description": "The account is gone; what it left is still being removed.", "model": ErasureRead}}


def privacy_router() -> APIRouter:
    router = Router(tags=["accounts"])

    @router.get("/auth/me/export", response_class=StreamingResponse, responses=_ZIP)
    async def export_me(caller: CallerDep, exports: FromDishka[Exports]) -> Response:
        """Everything that is stored about oneself, as a zip file of JSON."""
        return await _download(exports, caller.account_id)

    @router.get("/users/{user_id}/export", response_class=StreamingResponse, responses=_ZIP | documents(AdministratorsOnly, AccountNotFound))
    async def export_user(user_id: UUID, caller: CallerDep, exports: FromDishka[Exports]) -> Response:
        """Everything that is stored about an account, for itself and for administrators."""
        if user_id != caller.account_id:
            caller.require_admin()
        return await _download(exports, user_id)

    @router.delete("/auth/me", responses=_UNFINISHED | documents(InvalidCredentials, LastAdministrator, HashingBusy))
    async def erase_me(caller: CallerDep, erasure: FromDishka[Erasure], response: Response, body: AccountErase | None = None) -> ErasureRead:
        """Erase one's account and everything in it, for good. A `password` that is given must be the right one: let people type it again before."""
        password = body.password.get_secret_value() if body is not None and body.password is not None else None
        return _answer(response, ErasureRead.of(await erasure.erase_own(caller.account_id, password)))

    @router.delete("/users/{user_id}", responses=_UNFINISHED | documents(AdministratorsOnly, AccountNotFound, LastAdministrator))
    async def erase_user(user_id: UUID, _: AdminDep, erasure: FromDishka[Erasure], response: Response) -> ErasureRead:
        """Erase an account and everything in it, for good. Again it shows the same receipt, and how far it is."""
        return _answer(response, ErasureRead.of(await erasure.erase(user_id)))

    return router


async def _download(exports: Exports, account_id: UUID) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="parlor-export-{account_id}.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(await exports.open(account_id), media_type="application/zip", headers=headers)


def _answer(response: Response, erasure: ErasureRead) -> ErasureRead:
    response.status_code = 200 if erasure.erased_at is not None else 202
    return erasure
