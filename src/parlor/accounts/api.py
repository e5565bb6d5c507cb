"""/auth: signing up, in and out, and one's own profile."""

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter

from parlor.accounts.access import CallerDep, ReadDep
from parlor.accounts.errors import (
    AccountSuspended,
    EmailTaken,
    HashingBusy,
    InvalidCredentials,
    InvalidEmail,
    InvalidRefreshToken,
    InvalidSetupToken,
    InvalidUsername,
    SetupDone,
    UnsuitablePassword,
    UsernameTaken,
)
from parlor.accounts.profiles import Profiles
from parlor.accounts.schemas import AccountCreate, LoginCreate, PasswordChange, ProfileChange, RefreshTokenUse, SessionRead, SetupCreate, UserRead
from parlor.accounts.setup import Setup
from parlor.accounts.sign_ins import SignIns
from parlor.accounts.sign_up import SignUp
from parlor.core.errors import RateLimited
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router

_UNSUITABLE = (InvalidEmail, InvalidUsername, UnsuitablePassword)
_BUSY = (HashingBusy, RateLimited)


def auth_router() -> APIRouter:
    router = Router(prefix="/auth", tags=["accounts"])

    @router.post("/register", status_code=201, openapi_extra=PUBLIC, responses=documents(EmailTaken, UsernameTaken, *_BUSY, *_UNSUITABLE))
    async def register(body: AccountCreate, sign_up: FromDishka[SignUp]) -> SessionRead:
        """Make an account. Its wallet, with the bonus, is there with it."""
        return SessionRead.of(await sign_up.register(body.application()))

    @router.post("/setup", status_code=201, openapi_extra=PUBLIC, responses=documents(InvalidSetupToken, SetupDone, EmailTaken, *_BUSY, *_UNSUITABLE))
    async def set_up(body: SetupCreate, setup: FromDishka[Setup]) -> SessionRead:
        """Make the first administrator, with the token of the set-up link that the server prints at its start. Works once."""
        return SessionRead.of(await setup.make_first_administrator(body.token.get_secret_value(), body.email, body.password.get_secret_value()))

    @router.post("/login", openapi_extra=PUBLIC, responses=documents(InvalidCredentials, AccountSuspended, *_BUSY))
    async def login(body: LoginCreate, sign_ins: FromDishka[SignIns]) -> SessionRead:
        """Sign in by email or username."""
        return SessionRead.of(await sign_ins.login(body.login, body.password.get_secret_value()))

    @router.post("/refresh", openapi_extra=PUBLIC, responses=documents(InvalidRefreshToken))
    async def refresh(body: RefreshTokenUse, sign_ins: FromDishka[SignIns]) -> SessionRead:
        """A new pair of tokens. A refresh token works once; again within the grace it gives the same successor, later it ends the sign-in."""
        return SessionRead.of(await sign_ins.refresh(body.refresh_token.get_secret_value()))

    @router.post("/logout", status_code=204, openapi_extra=PUBLIC)
    async def logout(body: RefreshTokenUse, sign_ins: FromDishka[SignIns]) -> None:
        """End the sign-in of this refresh token, its access tokens too. An unknown token is no error."""
        await sign_ins.logout(body.refresh_token.get_secret_value())

    @router.post("/password", responses=documents(InvalidCredentials, UnsuitablePassword, *_BUSY))
    async def change_password(body: PasswordChange, caller: CallerDep, sign_ins: FromDishka[SignIns]) -> SessionRead:
        """Change one's password. Ends all sign-ins; the reply is a new one."""
        current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
        return SessionRead.of(await sign_ins.change_password(caller.account_id, current, new))

    @router.get("/me")
    async def read_me(caller: ReadDep, profiles: FromDishka[Profiles]) -> UserRead:
        return UserRead.of(await profiles.read(caller.account_id))

    @router.patch("/me", responses=documents(UsernameTaken, InvalidUsername))
    async def change_me(body: ProfileChange, caller: CallerDep, profiles: FromDishka[Profiles]) -> UserRead:
        return UserRead.of(await profiles.change(caller.account_id, body.changes()))

    return router
