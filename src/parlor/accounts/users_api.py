"""/users: accounts, for administrators."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Depends, Query

from parlor.accounts.access import AdminDep
from parlor.accounts.account import Role, Status
from parlor.accounts.administration import Administration, Filter
from parlor.accounts.errors import (
    AccountNotFound,
    AdministratorsOnly,
    EmailTaken,
    InvalidEmail,
    InvalidUsername,
    LastAdministrator,
    UnsuitablePassword,
    UsernameTaken,
)
from parlor.accounts.profiles import Profiles
from parlor.accounts.schemas import GroupName, UserChange, UserCreate, UserRead
from parlor.accounts.sign_up import SignUp
from parlor.core.web.pages import Page, PageDep, cut_page
from parlor.core.web.problems import documents
from parlor.core.web.routing import Router

_LIST = "accounts"


async def _filter(
    q: Annotated[str, Query(max_length=200, description="Is in the email address, the username or the display name.")] = "",
    role: Role | None = None,
    status: Status | None = None,
    group: GroupName | None = None,
) -> Filter:
    return Filter(q, role, status, group)


FilterDep = Annotated[Filter, Depends(_filter)]


def users_router() -> APIRouter:
    router = Router(prefix="/users", tags=["accounts"])

    @router.get("", responses=documents(AdministratorsOnly))
    async def list_users(_: AdminDep, page: PageDep, wanted: FilterDep, administration: FromDishka[Administration]) -> Page[UserRead]:
        accounts = await administration.list(wanted, before=page.after(_LIST, UUID), most=page.fetch)
        items, next_cursor = cut_page(accounts, page.limit, _LIST, lambda account: account.id)
        return Page(items=[UserRead.of(account) for account in items], next_cursor=next_cursor)

    @router.post("", status_code=201, responses=documents(AdministratorsOnly, EmailTaken, UsernameTaken, InvalidEmail, InvalidUsername, UnsuitablePassword))
    async def create_user(body: UserCreate, _: AdminDep, sign_up: FromDishka[SignUp]) -> UserRead:
        """Make an account for somebody. It gets a wallet and the bonus as any other."""
        return UserRead.of(await sign_up.create(body.application(), body.role, body.groups))

    @router.get("/{user_id}", responses=documents(AdministratorsOnly, AccountNotFound))
    async def read_user(user_id: UUID, _: AdminDep, profiles: FromDishka[Profiles]) -> UserRead:
        return UserRead.of(await profiles.read(user_id))

    @router.patch(
        "/{user_id}",
        responses=documents(AdministratorsOnly, AccountNotFound, LastAdministrator, EmailTaken, UsernameTaken, InvalidEmail, InvalidUsername),
    )
    async def change_user(user_id: UUID, body: UserChange, _: AdminDep, administration: FromDishka[Administration]) -> UserRead:
        """Change profile, email, groups, role or status. A new role or status ends every sign-in of the account; new groups count within seconds."""
        return UserRead.of(await administration.change(user_id, **body.standing(), profile=body.changes()))

    return router
