"""/auth: signing up, in and out, and one's own profile."""

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Request, Response

from parlor.accounts.access import CallerDep, ReadDep
from parlor.accounts.errors import (
    AccountSuspended,
    CrossOrigin,
    EmailTaken,
    EmailUnverified,
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
from parlor.accounts.schemas import AccountCreate, AwaitingRead, LoginCreate, PasswordChange, ProfileChange, SessionRead, SetupCreate, SignedInRead, UserRead
from parlor.accounts.session_reply import CookiesDep, HandingDep, PresentedDep, hand_over
from parlor.accounts.setup import Setup
from parlor.accounts.sign_ins import SignIns
from parlor.accounts.sign_up import SignUp
from parlor.core.errors import Invalid, RateLimited
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router

_UNSUITABLE = (InvalidEmail, InvalidUsername, UnsuitablePassword)
_BUSY = (HashingBusy, RateLimited)


def auth_router() -> APIRouter:
    router = Router(prefix="/auth", tags=["accounts"])

    @router.post("/register", status_code=201, openapi_extra=PUBLIC, responses=documents(EmailTaken, UsernameTaken, *_BUSY, *_UNSUITABLE))
    async def register(body: AccountCreate, sign_up: FromDishka[SignUp], hand_over: HandingDep) -> SessionRead | SignedInRead | AwaitingRead:
        """Make an account. Its wallet, with the bonus, is there with it; so is a sign-in, unless the address must be verified first."""
        registered = await sign_up.register(body.application())
        return AwaitingRead.of(registered.account) if registered.session is None else hand_over(registered.session)

    @router.post("/setup", status_code=201, openapi_extra=PUBLIC, responses=documents(InvalidSetupToken, SetupDone, EmailTaken, *_BUSY, *_UNSUITABLE))
    async def set_up(body: SetupCreate, setup: FromDishka[Setup], hand_over: HandingDep) -> SessionRead | SignedInRead:
        """Make the first administrator, with the token of the set-up link that the server prints at its start. Works once."""
        return hand_over(await setup.make_first_administrator(body.token.get_secret_value(), body.email, body.password.get_secret_value()))

    @router.post("/login", openapi_extra=PUBLIC, responses=documents(InvalidCredentials, AccountSuspended, EmailUnverified, *_BUSY))
    async def login(body: LoginCreate, sign_ins: FromDishka[SignIns], hand_over: HandingDep) -> SessionRead | SignedInRead:
        """Sign in by email or username."""
        return hand_over(await sign_ins.login(body.login, body.password.get_secret_value()))

    @router.post("/refresh", openapi_extra=PUBLIC, responses=documents(InvalidRefreshToken, Invalid, CrossOrigin))
    async def refresh(presented: PresentedDep, sign_ins: FromDishka[SignIns], hand_over: HandingDep) -> SessionRead | SignedInRead:
        """A new pair of tokens. A refresh token works once; again within the grace it gives the same successor, later it ends the sign-in.

        With `?cookie=true` and no body it is taken from the cookie.
        """
        return hand_over(await sign_ins.refresh(presented.text))

    @router.post("/logout", status_code=204, openapi_extra=PUBLIC, responses=documents(Invalid, CrossOrigin))
    async def logout(presented: PresentedDep, sign_ins: FromDishka[SignIns], cookies: CookiesDep, request: Request, response: Response) -> None:
        """End the sign-in of this refresh token, its access tokens too. An unknown token is no error.

        Without a body it is taken from the cookie, and the cookies go with it.
        """
        await sign_ins.logout(presented.text)
        if presented.is_cookie:
            cookies.take(request, response)

    @router.post("/password", responses=documents(InvalidCredentials, UnsuitablePassword, *_BUSY))
    async def change_password(
        body: PasswordChange, caller: CallerDep, sign_ins: FromDishka[SignIns], cookies: CookiesDep, request: Request, response: Response
    ) -> SessionRead | SignedInRead:
        """Change one's password. Ends all sign-ins; the reply is a new one, in cookies for whoever came with them."""
        current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
        session = await sign_ins.change_password(caller.account_id, current, new)
        return hand_over(cookies, request, response, session, as_cookies=caller.credential == "cookie")

    @router.get("/me")
    async def read_me(caller: ReadDep, profiles: FromDishka[Profiles]) -> UserRead:
        return UserRead.of(await profiles.read(caller.account_id))

    @router.patch("/me", responses=documents(UsernameTaken, InvalidUsername))
    async def change_me(body: ProfileChange, caller: CallerDep, profiles: FromDishka[Profiles]) -> UserRead:
        return UserRead.of(await profiles.change(caller.account_id, body.changes()))

    return router
